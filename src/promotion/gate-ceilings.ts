import { parseSize } from '../support/index.ts';
import { severities } from '../workspace/index.ts';
import type { Condition } from './gate.ts';
import { newest, withWaiver } from './gate-checks.ts';
import type { GateFacts } from './gate-facts.ts';
import { referenceTo, type Statements } from './gate-statements.ts';

/** What may be found at most, whatever the checks that counted it say themselves. */
export function ceilingConditions(facts: GateFacts, statements: Statements): Condition[] {
  return [...sizeConditions(facts), ...vulnerabilityConditions(facts, statements)];
}

function sizeConditions({ images, ceilings: { size } }: GateFacts): Condition[] {
  if (size === undefined) return [];
  const most = parseSize(size);
  return images.map(({ name, size: bytes }): Condition => {
    const condition = { kind: 'ceiling', subject: `size of ${name}` } as const;
    const hint = `make ${name} smaller, or raise 'ceilings: size' of the level`;
    if (bytes === undefined) return { ...condition, state: 'unmet', text: `the size of ${name} is not known`, hint };
    const text = `${name} has ${bytes} bytes of at most ${size}`;
    return bytes <= most ? { ...condition, state: 'met', text } : { ...condition, state: 'unmet', text, hint };
  });
}

function vulnerabilityConditions(facts: GateFacts, statements: Statements): Condition[] {
  const { vulnerabilities } = facts.ceilings;
  if (!vulnerabilities) return [];
  const { max, checks } = vulnerabilities;
  return facts.images.flatMap(({ name, digest }) =>
    checks
      .map((each) => facts.checks.find(({ check }) => check === each)!)
      .filter(({ images }) => images.includes(name))
      .map((asked): Condition => {
        const { check, configuration } = asked;
        const condition = { kind: 'ceiling', subject: `${check} of ${name}` } as const;
        const hint = `dmrel check --level ${facts.level} --release ${facts.release}`;
        const { latest } = newest(statements, asked, digest, facts.now);
        if (!latest || latest.configuration !== configuration || latest.counts === undefined) {
          const text = `vulnerabilities of ${name} were not counted by ${check}`;
          return withWaiver({ ...condition, state: 'unmet', text, hint }, statements, check, name);
        }
        const { counts } = latest;
        const evidence = [referenceTo(latest)];
        const strictest = max.unknown === undefined && severities.find((each) => max[each] !== undefined);
        const found = Object.entries(max).map(([severity, most]) => ({
          severity,
          most,
          // As in the checks themselves: a severity that nobody knows may be the worst.
          number: (counts[severity] ?? 0) + (severity === strictest ? (counts.unknown ?? 0) : 0),
        }));
        const over = found.filter(({ number, most }) => number > most);
        if (over.length > 0) {
          const list = over.map(({ severity, number, most }) => `${number} ${severity} of at most ${most}`).join(', ');
          const text = `${check} found in ${name}: ${list} (${latest.at})`;
          const mend = 'mend the image, or have it waived';
          return withWaiver({ ...condition, state: 'unmet', text, hint: mend, evidence }, statements, check, name);
        }
        const list = found.map(({ severity, number, most }) => `${number} ${severity} of at most ${most}`).join(', ');
        return { ...condition, state: 'met', text: `${check} found in ${name}: ${list} (${latest.at})`, evidence };
      }),
  );
}
