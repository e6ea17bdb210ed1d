// Characters that cannot be seen, made visible. Texts come from a language model: they reach the page as text nodes only,
// never as markup.

const NAMES = {
  0x00ad: "SHY", 0x061c: "ALM", 0x200b: "ZWSP", 0x200e: "LRM", 0x200f: "RLM", 0x202a: "LRE", 0x202b: "RLE",
  0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI",
  0x2069: "PDI", 0xfeff: "BOM",
};
const HIDDEN = /[\p{Cc}\p{Cf}]/u;
// Joiners shape letters and emoji, Arabic number signs can be seen, and lines may break.
const HARMLESS = /[\n\t\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]/u;
// These order or break the words of honest texts too: they are shown, and they still work.
const WORKS = /[\u00ad\u061c\u200b\u200e\u200f]/u;
const isHidden = (c) => HIDDEN.test(c) && !HARMLESS.test(c);
const nameOf = (c) => NAMES[c.codePointAt(0)] || `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

function draw(node, text) {
  const pieces = [];
  let plain = "";
  for (const c of text.replaceAll("\r\n", "\n")) {
    if (!isHidden(c)) {
      plain += c;
      continue;
    }
    const mark = document.createElement("span");
    mark.className = c === "\u200b" || c === "\u00ad" ? "mark quiet" : "mark";
    mark.textContent = nameOf(c);
    mark.title = "an invisible character";
    pieces.push(plain, mark);
    plain = WORKS.test(c) ? c : "";
  }
  node.replaceChildren(...pieces, plain);
}
