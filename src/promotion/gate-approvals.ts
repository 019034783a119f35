import { epochSeconds, parseDuration } from '../support/index.ts';
import type { Condition } from './gate.ts';
import type { ApprovalFact, GateFacts } from './gate-facts.ts';
import { referenceTo, type Statements } from './gate-statements.ts';

/** A condition for each role: so many different people of it agree, none of them too long ago. */
export function approvalConditions(facts: GateFacts, { approvals, ignored }: Statements): Condition[] {
  const { level, release, now } = facts;
  return facts.approvals.map(({ role, count, within }): Condition => {
    const people = new Map<string, ApprovalFact>();
    for (const each of approvals.filter((approval) => approval.role === role)) {
      const why = whyNot(each, within, now);
      if (why !== undefined) {
        ignored.push({ file: each.file, by: each.by.name, at: each.at, why });
        continue;
      }
      const known = people.get(each.by.person);
      if (!known || known.at < each.at || (known.at === each.at && known.file < each.file)) {
        people.set(each.by.person, each);
      }
    }
    const order = ({ at, by, file }: ApprovalFact) => `${at} ${by.name} ${file}`;
    const given = [...people.values()].sort((left, right) => (order(left) < order(right) ? -1 : 1));
    const evidence = given.length > 0 ? { evidence: given.map(referenceTo) } : {};
    const by =
      given.length > 0 ? `: ${given.map(({ by: each }) => (each.roles ? each.person : each.name)).join(', ')}` : '';
    const text = `${given.length} of ${count} approved as ${role}${by}`;
    const condition = { kind: 'approval', subject: role, text, ...evidence } as const;
    if (given.length >= count) return { ...condition, state: 'met' };
    const hint = `dmrel approve --level ${level} --release ${release} --role ${role}`;
    return { ...condition, state: 'unmet', hint };
  });
}

function whyNot({ at }: ApprovalFact, within: string | undefined, now: GateFacts['now']): string | undefined {
  if (at > now) return `is dated ${at}, after now: it does not count until then`;
  const age = epochSeconds(now) - epochSeconds(at);
  if (within !== undefined && age > parseDuration(within)!) return `was given more than ${within} ago`;
  return undefined;
}
