import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { containerStorage } from '../support/container-storage.ts';
import { counterpart } from '../support/counterparts.ts';
import { dmrel, dmrelJson } from '../support/dmrel.ts';
import { addBusybox, hasBusybox } from '../support/dockerd.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { ReleaseWorkspace } from '../support/release-workspace.ts';

const secret = 'open sesame 4711';
const has = counterpart('docker-registry') && counterpart('buildah') && counterpart('skopeo') && hasBusybox();
const folder = mkdtempSync(join(tmpdir(), 'dmrel-chain-'));
const { CONTAINERS_STORAGE_CONF, BUILDAH_ISOLATION } = containerStorage(folder).env;
const env = { CONTAINERS_STORAGE_CONF, BUILDAH_ISOLATION, THE_TOKEN: secret };
let server: RegistryServer;
let proxy: FaultProxy;

beforeAll(async () => {
  if (!has) return;
  server = await startRegistry();
  proxy = await startFaultProxy(server.host);
}, 60_000);
afterAll(async () => {
  await proxy?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const options = (more = '') => `engine: buildah, network: none, platform: linux/amd64${more}`;
async function aChain(prefix: string): Promise<ReleaseWorkspace> {
  const workspace = new ReleaseWorkspace(
    2,
    `registries: {build: {address: '${proxy.host}/${prefix}', plainHttp: true}}
images:
  base: {context: images/base, ${options()}}
  stack: {context: images/stack, from: [base], products: [p00], secrets: {token: {env: THE_TOKEN}}, args: {TAG: '{release.eups}'}, ${options()}}
  tools: {context: images/tools, from: [base], timeout: 5m, ${options()}}
`,
  );
  const write = (name: string, ...lines: string[]) =>
    workspace.write(`images/${name}/Dockerfile`, `${lines.join('\n')}\n`);
  write('base', 'FROM scratch', 'COPY busybox /bin/busybox', 'RUN ["/bin/busybox", "--install", "-s", "/bin"]');
  addBusybox(join(workspace.root, 'images/base'));
  write(
    'stack',
    'FROM base',
    'ARG TAG',
    'RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length && cat /run/secrets/token',
    'RUN echo $TAG > /tag',
  );
  write('tools', 'FROM base', 'RUN echo tools > /tools');
  workspace.commitAll();
  const tagged = await dmrel(workspace.root, ['tag', 'weekly', '--date', '2018-05-03', '--ref', 'main']);
  expect([tagged.code, tagged.err]).toEqual([0, expect.any(String)]);
  return workspace;
}
const images = (workspace: ReleaseWorkspace) => parse(workspace.read('releases/w.2018.18/release.yaml')).images;
const inspect = (reference: string, ...more: string[]) =>
  JSON.parse(
    execFileSync('skopeo', ['inspect', '--tls-verify=false', ...more, `docker://${server.host}/${reference}`], {
      encoding: 'utf8',
    }),
  );

/** Every file that a build leaves in a workspace. */
function textsIn(root: string): string {
  const files = readdirSync(root, { recursive: true, withFileTypes: true, encoding: 'utf8' });
  return files
    .filter((each) => each.isFile() && !each.name.endsWith('busybox'))
    .map((each) => readFileSync(join(each.parentPath, each.name), 'latin1'))
    .join('\n');
}

describe('a chain of images with RUN steps in a registry', () => {
  let workspace: ReleaseWorkspace;
  const build = (...more: string[]) => dmrelJson(workspace.root, ['build', ...more], { env });

  it('is what skopeo finds there, and its record and provenance say', async () => {
    if (!has) return;
    workspace = await aChain('chain');
    const { code, json } = await build();
    expect([code, json.problems]).toEqual([0, []]);
    for (const [name, { digest }] of Object.entries<{ digest: string }>(images(workspace)))
      expect(inspect(`chain/${name}:w.2018.18`).Digest).toBe(digest);
    const { stack, base } = images(workspace);
    const layers = (name: string) => inspect(`chain/${name}:w.2018.18`).Layers as string[];
    expect(layers('stack').slice(0, layers('base').length)).toEqual(layers('base'));
    const { config } = inspect('chain/stack:w.2018.18', '--config');
    expect(config.Labels).toMatchObject({
      'org.lsst.dmrel.release': 'w.2018.18',
      'org.opencontainers.image.base.digest': base.digest,
    });
    expect(inspect('chain/stack:w.2018.18', '--raw').annotations['org.lsst.dmrel.inputs']).toBe(stack.inputs);
    const provenance = JSON.parse(
      workspace.read(`releases/w.2018.18/evidence/${stack.provenance.replace('sha256:', '')}.json`),
    );
    expect(provenance.predicate.runDetails.builder).toMatchObject({ id: 'https://lsst.org/dmrel/builder/buildah' });
    expect(provenance.predicate.buildDefinition.externalParameters.secrets).toEqual(['token']);
  }, 120_000);

  it('is not built again: a request an image, and no more', async () => {
    if (!has) return;
    proxy.reset();
    const { json } = await build();
    expect(json.changed).toBe(false);
    const asked = proxy.requests.filter(({ path }) => path !== '/v2/');
    expect(asked.map(({ kind }) => kind)).toEqual(Array(3).fill('HEAD manifest'));
  }, 60_000);

  it('is something to build on for images elsewhere, on the digest that a tag names now', async () => {
    if (!has) return;
    const base = images(workspace).base.digest;
    const named = `${proxy.host}/chain/base:w.2018.18`;
    workspace.write('images/outside.yaml', 'schema: dmrel/images/v1\nimages: {outside: {context: images/outside}}\n');
    workspace.write('images/outside/Dockerfile', `FROM ${named}\nCOPY f /f\n`);
    workspace.write('images/outside/f', 'f\n');
    expect((await build('--only', 'outside')).code).toBe(0);
    const layers = (name: string) => inspect(`chain/${name}:w.2018.18`).Layers as string[];
    expect(layers('outside').slice(0, -1)).toEqual(layers('base'));
    expect(images(workspace).outside.sources.parents).toEqual({ [named]: base });
    rmSync(join(workspace.root, 'images/outside.yaml'));
  }, 60_000);

  it('fails at a step, says which, and where all of it is; secrets are nowhere', async () => {
    if (!has) return;
    const good = workspace.read('images/stack/Dockerfile');
    workspace.write('images/stack/Dockerfile', `${good}RUN echo this went wrong; exit 3\n`);
    workspace.write('images/tools/Dockerfile', 'FROM base\nRUN echo more > /tools\n');
    const failed = await build();
    expect(failed.code).toBe(4);
    expect(failed.json.done).toEqual(['build:tools']);
    expect(failed.json.problems[0]).toMatchObject({
      code: 'build-failed',
      subject: 'stack',
      at: { file: 'images/stack/Dockerfile', line: 5 },
      message: expect.stringContaining('this went wrong'),
      hint: expect.stringContaining('.dmrel/logs/w.2018.18/stack.log'),
    });
    expect(existsSync(join(workspace.root, '.dmrel/logs/w.2018.18/stack.log'))).toBe(true);
    expect(JSON.stringify(failed.json)).not.toContain(secret);
    workspace.write('images/stack/Dockerfile', good);
    const again = await dmrel(workspace.root, ['build', '--only', 'stack', '--force', '--follow'], { env });
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('1 image built')]);
    expect(again.err).toMatch(/^stack \| .*echo \$TAG/m);
    expect(again.err + again.out + textsIn(workspace.root)).not.toContain(secret);
  }, 120_000);
});
