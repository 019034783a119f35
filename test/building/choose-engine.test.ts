import { describe, expect, it } from '@jest/globals';
import type { BuildRequest, Engine } from '../../src/building/engine.ts';
import { chooseEngine, chooseFirst, chooseNamed } from '../../src/building/engines/choose.ts';
import { type Problem, problem } from '../../src/support/index.ts';

const aRequest = (text: string): BuildRequest => ({
  name: 'stack',
  context: '/nowhere',
  dockerfile: { file: 'images/stack/Dockerfile', text },
  args: {},
  from: [],
  extraFiles: {},
  labels: {},
  created: 0,
  platform: 'linux/amd64',
});
const nothing = { PATH: '' };
const anEngine = (name: string, refuses: Problem[] = []): Engine => ({
  name,
  version: `${name}/1`,
  exactVersion: `${name} 1.2.3`,
  reproducible: false,
  check: () => refuses,
  build: () => Promise.reject(new Error('it builds nothing')),
});
const works = (name: string, refuses: Problem[] = []) => ({
  name,
  says: `${name} is fine`,
  engine: anEngine(name, refuses),
});
const lacks = (name: string) => ({ name, says: `${name} is not installed`, engine: undefined });
const unread = [problem('dockerfile-unsupported', 'the assemble engine has no RUN', { at: { file: 'D', line: 3 } })];
const request = aRequest('FROM scratch\nCOPY a /\nRUN /a\n');

describe('choosing an engine', () => {
  it('takes assemble for what it can read, also where there is nothing else', async () => {
    expect(await chooseEngine('auto', aRequest('FROM scratch\nCOPY a /\n'), nothing)).toMatchObject({
      value: { engine: { name: 'assemble' }, because: 'it can read the Dockerfile, and needs nothing on this machine' },
    });
    expect(await chooseEngine('assemble', request, nothing)).toMatchObject({ value: { because: 'it is asked for' } });
  });

  it('leaves what is wrong with the Dockerfile to the one that knows its lines', async () => {
    expect(await chooseEngine('auto', aRequest('FROM scratch\nCOPPY a /\n'), nothing)).toMatchObject({
      value: { engine: { name: 'assemble' } },
    });
  });

  it('takes the first that works and can do it, and says why not those before', () => {
    const all = [works('docker'), works('buildah'), works('podman')];
    expect(chooseFirst(request, unread, all)).toMatchObject({
      value: {
        engine: { name: 'buildah' },
        because: 'the assemble engine has no RUN (line 3); buildah 1.2.3 works here',
      },
    });
    const refusal = problem('engine-unavailable', 'docker cannot do that');
    expect(chooseFirst(request, unread, [works('docker', [refusal]), lacks('buildah'), works('podman')])).toMatchObject(
      {
        value: {
          engine: { name: 'podman' },
          because: expect.stringMatching(
            /; buildah is not installed; docker cannot do that; podman 1\.2\.3 works here$/,
          ),
        },
      },
    );
  });

  it('says of each engine in one sentence why none can, with the line that needs one', async () => {
    expect(await chooseEngine('auto', request, nothing)).toMatchObject({
      problems: [
        {
          code: 'engine-unavailable',
          message: [
            'no engine here can build stack: the assemble engine has no RUN (line 3)',
            'buildah is not installed',
            'docker is not installed',
            'podman is not installed',
          ].join('; '),
          hint: expect.stringContaining('dmrel doctor'),
        },
      ],
    });
    const named = await chooseEngine('docker', request, nothing);
    expect(named).toMatchObject({
      problems: [{ code: 'engine-unavailable', message: 'stack is to be built by docker: docker is not installed' }],
    });
    expect(chooseNamed('docker', request, [works('docker')])).toMatchObject({
      value: { because: 'it is asked for; docker 1.2.3 works here' },
    });
  });

  it('goes to no other for what none would build', () => {
    const stranger = problem('unknown-name', "'centos:7' is not an image that this one is built from");
    expect(chooseFirst(request, unread, [works('buildah', [stranger]), works('docker')])).toEqual({
      ok: false,
      problems: [stranger],
    });
  });
});
