import { type ImageDetails, inspectImage, type PlatformDetails } from '../../imaging/index.ts';
import { referenceText } from '../../levels/index.ts';
import type { CommandRun } from '../../plugins/index.ts';
import { count, printable, unwrap } from '../../support/index.ts';
import { referenceGiven, workspaceAround } from '../images.ts';
import { printJson } from '../json.ts';
import { bytesText, shortDigest } from '../output/bytes.ts';
import { renderTable } from '../output/table.ts';

export const run: CommandRun = async (context, [text]) => {
  const workspace = await workspaceAround(context);
  const reference = referenceGiven(context, workspace, text!);
  const details = unwrap(await inspectImage(workspace, reference));
  const image = referenceText(reference);
  if (context.json) {
    const { named, ...rest } = details;
    printJson(context, { schema: 'dmrel/image/v1', image, ...rest, named: named ?? null } as never);
  } else context.out(render(image, details));
  return 0;
};

function render(
  image: string,
  { digest, mediaType, size, platforms, attestations, sidecars, annotations, named }: ImageDetails,
): string {
  const one = platforms.length === 1 ? platforms[0] : undefined;
  const rows = [
    ['image', image],
    ['digest', digest],
    ['form', mediaType],
    ['size', bytesText(size)],
    ...(one ? [['platform', one.platform ?? '-'], ...aboutPlatform(one)] : []),
    ...(attestations > 0 ? [['attested', count(attestations, 'manifest')]] : []),
    ...texts('annotation', annotations),
    ...(named
      ? [
          ['releases', named.releases.join(' ') || '-'],
          ['levels', named.levels.join(' ') || '-'],
        ]
      : []),
  ];
  const parts = one
    ? ''
    : `\n${renderTable([
        ['PLATFORM', 'DIGEST', 'LAYERS', 'SIZE'],
        ...platforms.map((each) =>
          [each.platform ?? '-', shortDigest(each.digest), String(each.layers), bytesText(each.size)].map(printable),
        ),
      ])}`;
  const beside = sidecars.map(({ of, digest: own, tag, type }) =>
    [shortDigest(own), type ?? '-', `of ${shortDigest(of)}`, tag ?? ''].map(printable),
  );
  return (
    renderTable(rows.map((row) => row.map(printable))) +
    parts +
    (beside.length > 0 ? `\n${renderTable([['BESIDE IT', 'TYPE', '', 'TAG'], ...beside])}` : '')
  );
}

function aboutPlatform({ layers, created, user, entrypoint, labels }: PlatformDetails): string[][] {
  return [
    ['layers', String(layers)],
    ...(created === null ? [] : [['created', created]]),
    ...(user === '' ? [] : [['user', user]]),
    ...(entrypoint.length === 0 ? [] : [['entry point', entrypoint.join(' ')]]),
    ...texts('label', labels),
  ];
}

const texts = (what: string, map: Record<string, string>): string[][] =>
  Object.entries(map)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value], index) => [index === 0 ? `${what}s` : '', `${name}=${value}`]);
