#!/usr/bin/env bash
# Marp (marp-core 4.4.0): a comment on a slide is a speaker's note, unless it reads as "word: text" with a word that is one of Marp's
# directives. Then it is obeyed, and the note is gone: "header: what the columns mean" is shown to the class, on this slide and on all that
# follow; "class: 5 minutes", "math: skip the derivation" and "size: the batch is 512" are lost without a word. "Ask: who exercises?" stays a
# note, and so does "Class: 5 minutes". What helps: begin a note with a capital.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund @marp-team/marp-core@4.4.0
cat > "$folder/notes.cjs" <<'JS'
const { Marp } = require("@marp-team/marp-core")
const { version } = require("@marp-team/marp-core/package.json")
const seen = {}
const notes = ["Ask: who exercises?", "Class: 5 minutes", "class: 5 minutes", "math: skip the derivation", "size: the batch is 512"]
notes.push("header: what the columns mean")
for (const note of notes) {
  const { html, comments } = new Marp().render(`# One\n\n<!-- ${note} -->\n\n---\n\n# Two`)
  seen[note] = [comments[0].length, (html.match(/<header>/g) ?? []).length]
  console.log(`marp-core ${version}, ${JSON.stringify(note)}: notes ${seen[note][0]}, slides that show it ${seen[note][1]}`)
}
const expected = { [notes[0]]: [1, 0], [notes[1]]: [1, 0], [notes[2]]: [0, 0], [notes[3]]: [0, 0], [notes[4]]: [0, 0], [notes[5]]: [0, 2] }
require("node:assert").deepStrictEqual(seen, expected, "such comments are treated in another way now")
JS
node "$folder/notes.cjs"
