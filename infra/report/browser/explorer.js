// The region explorer: filters a list of regions, shows one of them. All text from data goes in as text.
(() => {
  const data = JSON.parse(document.getElementById('explorer-data').textContent);
  const at = (id) => document.getElementById(`explorer-${id}`);
  const STEP = 40;
  let shown = STEP;
  let chosen = null;

  function make(tag, { text, ...attributes } = {}, children = []) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    element.append(...children);
    return element;
  }

  const run = () => data[Number(at('run')?.value ?? 0)];
  const regions = () => run().spans[Number(at('span').value)]?.regions ?? [];
  const decimal = (value, digits) => (value === null ? '–' : value.toFixed(digits));

  function fill(select, names) {
    const before = select.selectedOptions[0]?.textContent;
    select.replaceChildren(...names.map((name, i) => make('option', { text: name, value: String(i) })));
    const again = names.indexOf(before);
    if (again >= 0) select.value = String(again);
  }

  function fillChoices() {
    fill(
      at('span'),
      run().spans.map(({ span }) => span),
    );
    fillLabels();
  }

  function fillLabels() {
    const labels = new Set(regions().flatMap((region) => region[4].map(([name]) => name)));
    const order = (a, b) => a.localeCompare(b, undefined, { numeric: true });
    fill(at('label'), ['any label', ...[...labels].sort(order)]);
  }

  function matches() {
    const from = Number(at('purity-from').value);
    const to = Number(at('purity-to').value);
    const label = at('label').value === '0' ? null : at('label').selectedOptions[0]?.textContent;
    const keys = {
      count: (region) => region[1],
      entropy: (region) => region[3] ?? -1,
      purity: (region) => region[2] ?? -1,
    };
    const key = keys[at('order').value];
    return regions()
      .map((region, index) => ({ region, index }))
      .filter(({ region }) => region[2] === null || (region[2] >= from - 1e-9 && region[2] <= to + 1e-9))
      .filter(({ region }) => label === null || region[4].some(([name]) => name === label))
      .sort((a, b) => key(b.region) - key(a.region) || b.region[1] - a.region[1] || a.index - b.index);
  }

  function labelText(classes) {
    const sorted = [...classes].sort((a, b) => b[1] - a[1]);
    const rest = sorted.length > 3 ? `, ${sorted.length - 3} more` : '';
    return (
      sorted
        .slice(0, 3)
        .map(([name, count]) => `${name} × ${count}`)
        .join(', ') + rest
    );
  }

  function row({ region, index }) {
    const button = make('button', {
      type: 'button',
      class: 'link',
      text: region[0],
      'aria-pressed': String(index === chosen),
    });
    button.addEventListener('click', () => choose(index));
    const line = make('tr', {}, [
      make('td', {}, [button]),
      make('td', { class: 'number', text: region[1].toLocaleString('en-US') }),
      make('td', { class: 'number', text: decimal(region[2], 2) }),
      make('td', { class: 'number', text: decimal(region[3], 2) }),
      make('td', { text: labelText(region[4]) }),
    ]);
    line.classList.toggle('chosen', index === chosen);
    return line;
  }

  function update() {
    at('purity-low').textContent = Number(at('purity-from').value).toFixed(2);
    at('purity-high').textContent = Number(at('purity-to').value).toFixed(2);
    const found = matches();
    at('found').textContent = `${found.length} of ${regions().length} regions`;
    at('list').tBodies[0].replaceChildren(...found.slice(0, shown).map(row));
    at('more').hidden = found.length <= shown;
  }

  function picture([point, place, label, context]) {
    const name = `point ${point}${label === null ? '' : `, label ${label}`}`;
    if (context !== null) return make('span', { class: 'context', title: name }, marked(context));
    const geometry = run().geometry;
    if (place === null || geometry === null) return make('span', { class: 'unpictured', text: name });
    const thumb = make('span', {
      class: `thumb ${geometry.sprite}`,
      role: 'img',
      'aria-label': name,
      title: name,
    });
    const [x, y] = [place % geometry.columns, Math.floor(place / geometry.columns)];
    thumb.style.backgroundPosition = `${-x * geometry.side}px ${-y * geometry.side}px`;
    return thumb;
  }

  function marked(context) {
    const found = /^([\s\S]*?)«([\s\S]*?)»([\s\S]*)$/.exec(context);
    return found === null ? [context] : [found[1], make('mark', { text: found[2] }), found[3]];
  }

  function bars(classes) {
    const sorted = [...classes].sort((a, b) => b[1] - a[1]).slice(0, 10);
    const most = Math.max(1, ...sorted.map(([, count]) => count));
    return make(
      'ul',
      { class: 'bars' },
      sorted.map(([name, count]) => {
        const bar = make('span', { class: 'bar' });
        bar.style.width = `${(60 * count) / most}%`;
        return make('li', {}, [
          make('span', { class: 'bar-name', text: name }),
          bar,
          make('span', { text: String(count) }),
        ]);
      }),
    );
  }

  function neighbourButton([other, bits]) {
    const region = regions()[other];
    const text = `${region[0]}: ${bits} bit${bits === 1 ? '' : 's'} away, ${region[1]} points, ${labelText(region[4])}`;
    const button = make('button', { type: 'button', class: 'link', text });
    button.addEventListener('click', () => choose(other));
    return make('li', {}, [button]);
  }

  function choose(index) {
    chosen = index;
    const [digest, count, purity, entropy, classes, exemplars, neighbours] = regions()[index];
    const scores =
      purity === null ? '' : `, purity ${decimal(purity, 3)}, entropy ${decimal(entropy, 3)} bits`;
    at('detail').replaceChildren(
      make('h3', { text: `Region ${digest}` }),
      make('p', { text: `${count.toLocaleString('en-US')} point${count === 1 ? '' : 's'}${scores}` }),
      make('div', { class: 'examples' }, exemplars.map(picture)),
      ...(classes.length === 0 ? [] : [make('h4', { text: 'Labels, points' }), bars(classes)]),
      make('h4', { text: 'Nearest regions' }),
      neighbours.length === 0
        ? make('p', { class: 'none', text: 'Codes of this span are not kept.' })
        : make('ul', { class: 'neighbours' }, neighbours.map(neighbourButton)),
    );
    update();
  }

  function restart() {
    shown = STEP;
    chosen = null;
    at('detail').replaceChildren(make('p', { class: 'none', text: 'Choose a region to see its points.' }));
    update();
  }

  at('run')?.addEventListener('change', () => {
    fillChoices();
    restart();
  });
  at('span').addEventListener('change', () => {
    fillLabels();
    restart();
  });
  for (const id of ['label', 'order']) at(id).addEventListener('change', restart);
  for (const id of ['purity-from', 'purity-to'])
    at(id).addEventListener('input', () => {
      shown = STEP;
      update();
    });
  at('more').addEventListener('click', () => {
    shown += STEP;
    update();
  });
  document
    .querySelector('#explorer-panel form')
    .addEventListener('submit', (event) => event.preventDefault());
  fillChoices();
  restart();
})();
