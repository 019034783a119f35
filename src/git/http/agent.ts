declare const DMREL_VERSION: string;

/** How this client names itself, as a capability and as a header (gitprotocol-capabilities, "agent"). */
export const agent = `dmrel/${typeof DMREL_VERSION === 'string' ? DMREL_VERSION : '0.0.0'}`;
