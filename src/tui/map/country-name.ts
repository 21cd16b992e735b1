/** The English name of a country, as the Unicode tables inside Node have it. For the list and the panel of the map. */

let names: Intl.DisplayNames | undefined;

/** `code`: two capital letters of ISO 3166. What has no name is called by its code. */
export function countryName(code: string): string {
  names ??= new Intl.DisplayNames(['en'], { type: 'region' });
  return /^[A-Z]{2}$/.test(code) ? (names.of(code) ?? code) : code;
}
