import { availableParallelism } from 'node:os';

/**
 * The second run of CI, on a newer Node, takes a sample: the tests of all rooms, fewer rounds and moments of the long ones
 * (test/support/sample.ts), and of the system those that go through the commands once. These walk and race with git,
 * registries and engines, which are the same on any Node.
 */
const wholeRunOnly = [
  'docs',
  'promotion/promotion-faults',
  'git/http-ways',
  'system/apply',
  'system/build-engines',
  'system/hostile',
  'system/promote-machines',
  'system/promote',
  'system/refusals',
  'system/release',
  'system/resume',
  'system/tag-kinds',
  'system/tag-machines',
  'system/tag-preflight',
  'system/tag-undo',
  'system/tag-verify',
];

/** Tests run the sources, through the compiler that builds them; system tests run the built bin/dmrel.js. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns:
    process.env.DMREL_SAMPLE === '1' ? wholeRunOnly.map((each) => `/test/${each}\\.test\\.ts$`) : ['/node_modules/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/transform.cjs' },
  // Against what hangs. It is no measure: other work on the machine may make tests many times slower.
  testTimeout: 180_000,
  // Most of them wait for programs and servers: three at a time even where there are two processors.
  maxWorkers: Math.max(3, availableParallelism() - 1),
  // Starting a program costs the more the larger the process that starts it.
  workerIdleMemoryLimit: '250MB',
};
