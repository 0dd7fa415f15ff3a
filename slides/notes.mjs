// Speaker notes, as a JSON list of Markdown on stdin, to a list of HTML on stdout: the code and the formulas that Marp shows raw.
import { text } from "node:stream/consumers";
import { Marp } from "@marp-team/marp-core";

const options = { container: false, slideContainer: false, inlineSVG: false, script: false };
const marp = new Marp({ ...options, math: "mathjax", emoji: { shortcode: false, unicode: false } });
const notes = JSON.parse(await text(process.stdin));
const { html } = marp.render(notes.join("\n\n---\n\n"), { htmlAsArray: true });
const inner = html.map((section) => section.replace(/^\s*<section[^>]*>\s*|\s*<\/section>\s*$/g, ""));
if (inner.length !== notes.length) throw new Error(`${notes.length} notes became ${inner.length}: is there a line --- in one?`);
process.stdout.write(JSON.stringify(inner));
