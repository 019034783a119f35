import { stringify } from 'yaml';

// What YAML 1.1 readers would take for a date or a number is quoted, so that all readers agree.
const prose = {
  version: '1.1',
  lineWidth: 0,
  singleQuote: false,
  defaultKeyType: 'PLAIN',
  defaultStringType: 'PLAIN',
  blockQuote: false, // the library's block scalars lose the blanks of a line that has nothing else
} as const;

/**
 * YAML for a record: keys in the order given, long lines kept whole so that a diff shows one fact a line,
 * and a comment that lets an editor check it. Equal values give equal bytes.
 */
export function formatDocument(value: { schema: string }, schemaPath: string): string {
  return `# yaml-language-server: $schema=${schemaPath}\n${stringify(value, prose)}`;
}
