import { connectionText } from '../../support/index.ts';
import { Trouble, unreachable } from './trouble.ts';

const certificate = /^(?:UNABLE_TO_|CERT_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|HOSTNAME|ERR_TLS_CERT)/;

/** Errors of node's sockets and its parser, in words. */
export function whatHappened(error: NodeJS.ErrnoException, display: string): Error {
  if (error instanceof Trouble) return error;
  const code = error.code ?? '';
  if (certificate.test(code))
    return unreachable(`${display} shows a certificate that nobody here trusts: ${code}`, {
      hint: 'put the certificate of its authority into /etc/docker/certs.d/HOST/ca.crt, or name it in NODE_EXTRA_CA_CERTS',
    });
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return unreachable(`${display}: no TLS with it (${code})`, {
      hint: 'it may want a certificate, or speak plain http, which has to be allowed for each registry',
    });
  if (code === 'HPE_HEADER_OVERFLOW')
    return unreachable(`${display} sends endless headers`, { hint: 'this is no registry; look what is there' });
  const what = code.startsWith('HPE_') ? `what it says is no HTTP (${code})` : connectionText(code);
  return unreachable(`${display}: ${what}`, { again: true });
}
