import {
  externalsOf,
  type Feature,
  neededOf,
  type Roadmap,
  requireMilestone,
  usersOf,
} from '../../milestones/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { printable, unwrap } from '../../support/index.ts';
import { openWorkspace, soundRoadmap } from '../../workspace/index.ts';
import { printJson } from '../json.ts';
import { createPaint } from '../output/paint.ts';

export const run: CommandRun = async (context, [id]) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const roadmap = unwrap(await soundRoadmap(workspace));
  const milestone = unwrap(requireMilestone(roadmap, id!));
  const users = usersOf(roadmap);
  const items = milestone.needs.map((key) => roadmap.items.get(key)!);
  const unlisted = new Map(milestone.unlisted.map(({ key, reason }) => [roadmap.items.get(key)!.id, reason]));
  const externals = externalsOf(roadmap, milestone);

  if (context.json) {
    printJson(context, {
      schema: 'dmrel/milestone/v1',
      id: milestone.id,
      title: milestone.title,
      aka: milestone.aka,
      section: milestone.section ?? null,
      due: milestone.due ?? null,
      cycle: milestone.cycle ?? null,
      note: milestone.note ?? null,
      items: items.map(({ id, title, kind }) => ({ id, title: title ?? '', kind })),
      features: neededOf(roadmap, milestone, 'feature').map((feature) => featureJson(roadmap, feature)),
      requires: neededOf(roadmap, milestone, 'milestone').map((each) => ({
        id: each.id,
        title: each.title,
        due: each.due ?? null,
        listed: !unlisted.has(each.id),
      })),
      external: externals.map(({ external, via }) => ({
        id: external.id,
        title: external.title,
        via: via?.id ?? null,
        completed: external.completed?.on ?? null,
      })),
      blocks: (users.get(milestone.key) ?? []).map((each) => each.id),
      source: milestone.at,
    } as never);
    return 0;
  }

  const paint = await createPaint(context.color);
  const lines = [`${paint.strong(milestone.id)}: ${printable(milestone.title ?? '')}`];
  const facts = [
    milestone.due === undefined ? undefined : `due ${milestone.due}`,
    milestone.cycle === undefined ? undefined : `cycle ${milestone.cycle}`,
    milestone.section === undefined ? undefined : `section ${milestone.section}`,
  ].filter((each) => each !== undefined);
  if (facts.length > 0) lines.push(paint.faint(printable(facts.join(', '))));
  if (milestone.note !== undefined) lines.push(paint.faint(printable(milestone.note)));
  lines.push('');
  for (const item of items) lines.push(`- ${item.title === null ? '' : `${printable(item.title)} `}(${item.id})`);
  for (const [each, reason] of unlisted) {
    const title = neededOf(roadmap, milestone, 'milestone').find((other) => other.id === each)?.title ?? '';
    lines.push(`+ ${printable(title)} (${each})  ${paint.faint(`not in the document: ${printable(reason)}`)}`);
  }
  const behind = externals.filter(({ via }) => via !== undefined);
  if (behind.length > 0) {
    lines.push('', `External: ${behind.map(({ external, via }) => `${external.id} (through ${via!.id})`).join(', ')}`);
  }
  const blocks = users.get(milestone.key) ?? [];
  if (blocks.length > 0) lines.push('', `Blocks ${blocks.map((each) => each.id).join(', ')}`);
  context.out(`${lines.join('\n')}\n`);
  return 0;
};

function featureJson(roadmap: Roadmap, feature: Feature): object {
  const external = feature.external === undefined ? undefined : roadmap.items.get(feature.external);
  return {
    id: feature.id,
    title: feature.title ?? '',
    aka: feature.aka,
    owner: feature.owner ?? null,
    due: feature.due ?? null,
    cycle: feature.cycle ?? null,
    external: external?.id ?? null,
    source: feature.at,
  };
}
