declare module '#validators' {
  import type { CompiledSchema } from './schema.ts';
  /** Validators that the build compiled from schemas/, by the `schema:` line they answer for. */
  export const validators: Record<string, CompiledSchema>;
}
