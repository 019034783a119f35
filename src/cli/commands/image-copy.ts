import { bindImageCopy, type ImageCopyPlan, type ImageCopyRequest, prepareImageCopy } from '../../imaging/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { rememberingPlaces } from '../../registry/index.ts';
import { count, printable, unwrap } from '../../support/index.ts';
import { openWorkspace } from '../../workspace/index.ts';
import { fromAnywhere, referenceGiven } from '../images.ts';
import { runOperation } from '../operation.ts';
import { bytesText } from '../output/bytes.ts';

export const run: CommandRun = async (context, [source, destination], options) => {
  const workspace = unwrap(await openWorkspace(context.cwd, context.env));
  const [allTags, repair] = [options.allTags === true, options.repair === true];
  const request: ImageCopyRequest = {
    ...rememberingPlaces(referenceGiven(context, workspace, source!), referenceGiven(context, workspace, destination!)),
    allTags,
    repair,
    now: context.now(),
  };
  let sent: ReturnType<typeof bindImageCopy>['count'] | undefined;
  const flags = [...(allTags ? ['--all-tags'] : []), ...(repair ? ['--repair'] : [])];
  return runOperation<ImageCopyPlan>(context, {
    root: workspace.root,
    command: ['image', 'copy', ...[source!, destination!].map((text) => fromAnywhere(context, text)), ...flags],
    dryRun: options.dryRun === true,
    limits: { jobs: 4, jobsPerHost: 4 },
    confirm: options.yes === true ? undefined : 'when-possible',
    prepare: async () => unwrap(await prepareImageCopy(request)),
    bind: async (plan, tell) => {
      const progress = ({ done, total }: { done: number; total: number }) =>
        tell(`${bytesText(done)} of ${bytesText(total)}`);
      const { steps, count: counted } = bindImageCopy(request, plan, { progress, signal: context.interrupt });
      sent = counted;
      return { steps, cleanUp: async () => {} };
    },
    summary: (plan, result) => {
      const { from, to, images } = plan.details;
      const what = printable(`${from} -> ${to}`);
      if (!result || !sent)
        return `${what}: nothing to do; ${count(images.length, 'image')} there already\n${left(plan)}`;
      const { copied, mounted, skipped, bytes, sidecars } = sent;
      const parts = `${copied} sent (${bytesText(bytes)}), ${mounted} mounted, ${skipped} there already`;
      const beside = sidecars > 0 ? `, with ${sidecars} that belong to it` : '';
      return `${what}: ${count(images.length, 'image')} copied: ${parts}${beside}\n`;
    },
  });
};

/** What is said of a plan before it is applied, of one that there is nothing to apply of. */
const left = ({ problems }: ImageCopyPlan): string =>
  problems.map(({ message }) => `  ${printable(message)}\n`).join('');
