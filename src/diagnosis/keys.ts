import { openTrust, signerFor, type TrustedKey } from '../evidence/index.ts';
import { type CalendarDate, dateOf, daysBetween, type Problem, parseDate, warning } from '../support/index.ts';
import type { Workspace } from '../workspace/index.ts';

const soonDays = 30;

/** Which roles can sign here, and which keys end soon. undefined where no keys are trusted. */
export async function lookAtKeys(
  workspace: Workspace,
  env: NodeJS.ProcessEnv,
  now: Date,
): Promise<{ says: string; problems: Problem[] }> {
  const trust = await openTrust(workspace);
  if (!trust.ok) return { says: 'not sound', problems: trust.problems };
  if (!trust.value) return { says: 'none are trusted: statements count whoever made them', problems: [] };
  const roles = Object.keys(workspace.config.trust!.roles);
  const here: string[] = [];
  const elsewhere: string[] = [];
  for (const role of roles) {
    const signer = await signerFor(workspace, role, env);
    if (signer.ok) here.push(`${role} (${signer.value!.key})`);
    else elsewhere.push(role);
  }
  const parts = [`${here.length === 0 ? 'nobody' : here.join(', ')} can sign here`];
  if (elsewhere.length > 0) parts.push(`not ${elsewhere.join(', ')}`);
  const keys = [...trust.value.keys.values()];
  return { says: parts.join('; '), problems: keys.flatMap((key) => endsSoon(key, dateOf(now)) ?? []) };
}

function endsSoon({ name, roles, config }: TrustedKey, today: CalendarDate): Problem | undefined {
  const end = config.notAfter === undefined ? undefined : parseDate(config.notAfter);
  if (end === undefined || config.revoked || roles.length === 0) return undefined;
  const left = daysBetween(today, end);
  if (left > soonDays) return undefined;
  const when = left < 0 ? `ended on ${end}` : `ends on ${end}, in ${left} days`;
  const hint = `make the next one, and give it the role '${roles[0]}' beside this one`;
  return warning('key-expires', `key '${name}' ${when}`, { at: { file: 'dmrel.yaml' }, hint, subject: name });
}
