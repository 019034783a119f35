import { availableParallelism } from 'node:os';

/** Tests run the sources, through the compiler that builds them; system tests run the built bin/dmrel.js. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/transform.cjs' },
  // Against what hangs. It is no measure: other work on the machine may make tests many times slower.
  testTimeout: 180_000,
  // Most of them wait for programs and servers: three at a time even where there are two processors.
  maxWorkers: Math.max(3, availableParallelism() - 1),
  // Starting a program costs the more the larger the process that starts it.
  workerIdleMemoryLimit: '250MB',
};
