export { type Validation, validateWorkspace } from './validate.ts';
