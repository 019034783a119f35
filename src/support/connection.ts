/** What became of a connection, by the code of the system, in the words of git and curl. */
const words: Record<string, string> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'Could not resolve host',
  EAI_AGAIN: 'Could not resolve host',
};

export const connectionText = (code: string): string => words[code] ?? (code || 'the connection failed');
