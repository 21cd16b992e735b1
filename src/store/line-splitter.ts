/**
 * Cuts a byte stream into lines, for both ends of the agent port. Bytes go in as the socket gives them, whole lines
 * come out as text; a line over the bound ends the stream, since nobody honest sends one.
 */
const NEWLINE = 0x0a;

export class LineSplitter {
  readonly #lineBytesMax: number;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #overflowed = false;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** True once a line was too long: nothing more comes out, close the connection. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** The lines that `chunk` completes, without their ends and without empty ones. Keeps the rest. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    while (!this.#overflowed && from < chunk.length) {
      const end = chunk.indexOf(NEWLINE, from);
      this.#keep(chunk.subarray(from, end === -1 ? chunk.length : end));
      if (end === -1 || this.#overflowed) break;
      const line = Buffer.concat(this.#parts).toString('utf8').trim();
      if (line !== '') lines.push(line);
      this.#parts = [];
      this.#partBytes = 0;
      from = end + 1;
    }
    return lines;
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length;
    if (this.#partBytes > this.#lineBytesMax) {
      this.#overflowed = true;
      this.#parts = [];
      return;
    }
    if (part.length > 0) this.#parts.push(part);
  }
}
