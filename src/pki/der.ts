/**
 * Writes the part of ASN.1 DER (ITU-T X.690) that certificates need. Nothing here reads DER: the only parser is OpenSSL's,
 * behind `X509Certificate`.
 */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;
/** Tags that a structure numbers itself; constructed ones hold further elements. */
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const digits: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  const length = content.length < 0x80 ? [content.length] : [0x80 | digits.length, ...digits];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return element(TAG.sequence, ...elements);
}

/** A set of one element; DER would have to order more than one. */
export function derSetOf(only: Uint8Array): Uint8Array {
  return element(TAG.set, only);
}

export function derBoolean(value: boolean): Uint8Array {
  return element(TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

/** A non-negative integer of any length, big-endian. */
export function derUnsigned(magnitude: Uint8Array): Uint8Array {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? Buffer.from([0]) : magnitude.subarray(first);
  return element(TAG.integer, (digits[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0), digits);
}

/** `unusedBits`: at the end of the last byte. */
export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return element(TAG.bitString, Buffer.from([unusedBits]), bytes);
}

export function derOctetString(bytes: Uint8Array): Uint8Array {
  return element(TAG.octetString, bytes);
}

export function derText(text: string): Uint8Array {
  return element(TAG.utf8String, Buffer.from(text));
}

/** Dotted numbers, as `2.5.29.15`. */
export function derObjectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((number) => {
    const groups = [number % 128];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift(0x80 | (left % 128));
    }
    return groups;
  });
  return element(TAG.objectIdentifier, Buffer.from(bytes));
}

/** To the second. RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function derTime(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  const isLate = Number(digits.slice(0, 4)) >= 2050;
  return element(isLate ? TAG.generalizedTime : TAG.utcTime, Buffer.from(isLate ? digits : digits.slice(2)));
}

/** `[number]` around whole elements. */
export function derExplicit(number: number, ...elements: readonly Uint8Array[]): Uint8Array {
  return element(CONTEXT | CONSTRUCTED | number, ...elements);
}

/** `[number]` in the place of a primitive type's own tag. */
export function derImplicit(number: number, content: Uint8Array): Uint8Array {
  return element(CONTEXT | number, content);
}
