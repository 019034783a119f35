export { type Assembled, assemble, assembleEngine } from './assemble.ts';
export { type ContextEntry, contentOf, contextDigest, readContext } from './context.ts';
export { type Dockerfile, parseDockerfile } from './dockerfile.ts';
export { type DockerfileText, heredoc, type Instruction, splitInstructions } from './dockerfile-lines.ts';
export { expand, imagesOfFlags, splitWords, WordError } from './dockerfile-words.ts';
export { parseArgs, platformVariables } from './instructions.ts';
export { contextIs } from './unchanged.ts';
