import { referenceText, requireImage } from '../../levels/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { verifyImage } from '../../registry/index.ts';
import { count, exitCodeOf, unwrap } from '../../support/index.ts';
import { referenceGiven, workspaceAround } from '../images.ts';
import { printJson } from '../json.ts';
import { bytesText } from '../output/bytes.ts';
import { renderProblems } from '../output/problems.ts';

export const run: CommandRun = async (context, [text]) => {
  const reference = referenceGiven(context, await workspaceAround(context), text!);
  const digest = unwrap(await requireImage(reference));
  const verified = unwrap(await verifyImage(reference, digest, { signal: context.interrupt }));
  const { manifests, blobs, bytes, problems } = verified;
  const image = referenceText(reference);
  if (context.json) {
    const document = { image, digest, sound: problems.length === 0, manifests, blobs, bytes, problems };
    printJson(context, { schema: 'dmrel/image-verification/v1', ...document } as never);
  } else if (problems.length === 0) {
    const what = `${count(manifests, 'manifest')} and ${count(blobs, 'blob')}, ${bytesText(bytes)}`;
    context.out(`${image} is sound: ${what}\n${digest}\n`);
  } else context.err(await renderProblems(problems, context));
  return exitCodeOf(problems);
};
