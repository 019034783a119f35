// Signs what comes on standard input with a key of the demonstration. It stands where a hardware key or a signing service
// stands elsewhere: dmrel hands over bytes and gets a signature, and never sees the key.
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const key = createPrivateKey(readFileSync(`.dmrel/keys/${process.argv[2]}.pem`));
process.stdout.write(sign('sha256', readFileSync(0), { key, dsaEncoding: 'der' }).toString('base64'));
