import { describe, expect, it } from '@jest/globals';
import { failedStep } from '../../src/building/engines/failed-step.ts';

const text = [
  'ARG BASE=scratch',
  'FROM base AS builder',
  '# a comment',
  'ARG V',
  'RUN echo $V; \\',
  '    make all',
  'FROM base',
  'COPY --from=builder --chown=1:1 /out /out',
  'RUN ["/bin/test", "-e",   "/out"]',
  'CMD /bin/sh',
].join('\n');
const dockerfile = { file: 'images/lab/Dockerfile', text };
const lines = (log: string): string[] => log.split('\n').map((line) => line.replace(/^ {6}/, ''));

describe('the step at which a build failed', () => {
  it("is found in what docker's classic builder prints", () => {
    const log = lines(`Sending build context to Docker daemon  1.985MB
      Step 4/8 : RUN echo $V;     make all
       ---> Running in 3f1c0a1b2c3d
      7
      make: *** [all] Error 2
      The command '/bin/sh -c echo $V;     make all' returned a non-zero code: 2`);
    expect(failedStep(log, dockerfile)).toEqual({
      number: '4/8',
      text: 'RUN echo $V;     make all',
      at: { file: 'images/lab/Dockerfile', line: 5 },
      output: [
        '7',
        'make: *** [all] Error 2',
        "The command '/bin/sh -c echo $V;     make all' returned a non-zero code: 2",
      ],
    });
  });

  it('is found in what BuildKit prints, whatever else it does at the same time', () => {
    const log = lines(`#5 [builder 2/2] RUN echo 7;     make all
      #5 sha256:adce8a26164630c87d6fa7f614889b5369123cceb19526b51c98fd30e084f60f
      #6 [stage-1 2/3] COPY --from=builder --chown=1:1 /out /out
      #5 0.374 7
      #6 CANCELED
      #5 1.488 make: *** [all] Error 2
      #5 ERROR: executor failed running [/bin/sh -c echo 7;     make all]: exit code: 2
      ------
       > [builder 2/2] RUN echo 7;     make all:
      ------`);
    expect(failedStep(log, dockerfile)).toMatchObject({
      number: 'builder 2/2',
      text: 'RUN echo 7;     make all',
      at: { file: 'images/lab/Dockerfile', line: 5 },
      output: ['7', 'make: *** [all] Error 2', expect.stringMatching(/^ERROR: executor failed/)],
    });
  });

  it('is found in what buildah prints, which writes JSON as words', () => {
    const log = lines(`[1/2] STEP 1/3: FROM 5aab329853e0 AS builder
      [2/2] STEP 3/4: RUN ["/bin/test", "-e",   "/out"]
      Error: building at STEP "RUN /bin/test -e /out": exit status 1`);
    expect(failedStep(log, dockerfile)).toEqual({
      number: '[2/2] 3/4',
      text: 'RUN ["/bin/test", "-e",   "/out"]',
      at: { file: 'images/lab/Dockerfile', line: 9 },
      output: ['Error: building at STEP "RUN /bin/test -e /out": exit status 1'],
    });
  });

  it('is the one that was not done, when the engine was ended', () => {
    const log = lines(`#4 [builder 1/2] FROM x\n#4 CACHED\n#5 [builder 2/2] RUN echo 7;     make all\n#5 0.1 waiting`);
    expect(failedStep(log, dockerfile)).toMatchObject({ at: { line: 5 }, output: ['waiting'] });
  });

  it('is none, before there was one', () => {
    expect(failedStep(['unknown flag: --progress'], dockerfile)).toBeUndefined();
    expect(failedStep([], dockerfile)).toBeUndefined();
  });

  it('names the file alone for a step that stands nowhere in it', () => {
    expect(failedStep(['Step 99/99 : LABEL a=b', 'no'], dockerfile)?.at).toEqual({ file: 'images/lab/Dockerfile' });
  });

  it('shows ten lines of a step that printed many', () => {
    const many = Array.from({ length: 300 }, (_, number) => `line ${number}`);
    const output = failedStep(['STEP 8/8: CMD /bin/sh', ...many], dockerfile)?.output;
    expect(output).toEqual(many.slice(-10));
  });
});
