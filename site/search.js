// Under each page that the search finds, the sentence that it was found for. Sphinx fetches the page to cut an excerpt out of it,
// which no browser allows where pages are opened as files; so the texts are at hand (texts.js), and nothing is fetched.
window.fetch = async (address) => ({ text: () => address });

Search.makeSearchSummary = (address, words, anchor) => {
  const passages = TEXTS[address.replace(/^(\.\/)+/, "")] ?? [];
  const near = passages.filter(([section]) => `#${section}` === anchor);
  const sentences = (near.length ? near : passages).flatMap(([, text]) => text.split(/(?<=[.?:])\s+(?=\p{Lu})/u));
  const stems = [...words].map((word) => (word.length > 4 ? word.slice(0, -1) : word)); // Sphinx's end otherwise: i for y
  const holds = (sentence, stem) => sentence.toLowerCase().includes(stem);
  const rare = stems.map((stem) => 1 / sentences.filter((sentence) => holds(sentence, stem)).length); // the rarer word counts more
  const worth = (sentence) => stems.reduce((sum, stem, k) => sum + (holds(sentence, stem) ? rare[k] : 0), 0);
  const best = sentences.reduce((found, sentence) => (worth(sentence) > worth(found) ? sentence : found), "");
  const summary = document.createElement("p");
  summary.className = "context";
  summary.textContent = best || sentences[0] || "";
  return summary;
};
