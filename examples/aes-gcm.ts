// Encrypts what is stored, with AES-256-GCM. A text is bound to its run, its generation and its place: moved
// to another row, or changed, it cannot be opened any more, and its run is parked.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ValueSeal } from 'perdure';

const nonceBytes = 12;
const tagBytes = 16;

/**
 * A seal for `connect`. `keys` are the keys by id, 32 random bytes each: keep those that something stored was
 * sealed with. `current` is the id of the key for what is written from now on; change it at least every four
 * billion values, since nonces are random.
 */
export function aesGcm(keys: Readonly<Record<string, Uint8Array>>, current: string): ValueSeal {
  const keyOf = (id: string): Uint8Array => {
    const key = Object.hasOwn(keys, id) ? keys[id] : undefined;
    if (key === undefined) throw new Error(`There is no key '${id}' here.`);
    return key;
  };
  keyOf(current);
  return {
    seal(text, place) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', keyOf(current), nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(place.binding));
      const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `${encodeURIComponent(current)}.${Buffer.concat(sealed).toString('base64url')}`;
    },
    open(sealed, place) {
      const [id = '', body = ''] = sealed.split('.');
      const bytes = Buffer.from(body, 'base64url');
      const end = bytes.length - tagBytes;
      const nonce = bytes.subarray(0, nonceBytes);
      const key = keyOf(decodeURIComponent(id));
      const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(place.binding));
      cipher.setAuthTag(bytes.subarray(end));
      // `final` throws unless every bit is as it was written, and the place is the same.
      return cipher.update(bytes.subarray(nonceBytes, end), undefined, 'utf8') + cipher.final('utf8');
    },
  };
}
