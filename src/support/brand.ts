declare const brand: unique symbol;

/** A string that one parser has checked: a raw string cannot stand in for it. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
