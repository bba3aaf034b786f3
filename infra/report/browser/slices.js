// Pictures of planes: unpacks polygons, draws them on a canvas, says what is under the pointer or in the middle.
(() => {
  const { unpack, digestOf, slopeShare, fillOf, polygonAt } = globalThis.sliceScene;
  const { slices, classes } = JSON.parse(document.getElementById('slices-data').textContent);
  const at = (id) => document.getElementById(`slices-${id}`);
  const canvas = at('canvas');
  const context = canvas.getContext('2d');
  const nets = [...new Set(slices.map(({ run, model }) => `${run} · ${model}`))];
  const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
  let view = { ...WHOLE };
  let scene = null;
  let marked = -1;

  const toX = (x) => ((x - view.x) / view.width) * canvas.width;
  const toY = (y) => canvas.height - ((y - view.y) / view.height) * canvas.height;

  function trace({ first, xy }, i) {
    context.beginPath();
    for (let vertex = first[i]; vertex < first[i + 1]; vertex++)
      context.lineTo(toX(xy[2 * vertex]), toY(xy[2 * vertex + 1]));
    context.closePath();
  }

  function draw() {
    if (scene === null) return;
    const style = getComputedStyle(document.documentElement);
    const mode = at('colour').value;
    const edges = at('edges').checked;
    const dark =
      style.colorScheme === 'dark' ||
      (style.colorScheme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
    context.fillStyle = dark ? '#15171a' : '#ffffff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.lineJoin = 'round';
    for (let i = 0; i < scene.count; i++) {
      trace(scene, i);
      const fill = fillOf(scene, i, { mode, classes });
      context.globalAlpha = mode === 'class' ? 0.35 + 0.65 * slopeShare(scene, i) : 1;
      context.fillStyle = fill;
      context.fill();
      context.globalAlpha = edges ? 0.35 : 1;
      context.lineWidth = edges ? 0.7 : 0.5;
      context.strokeStyle = edges ? (dark ? '#ffffff' : '#000000') : fill;
      if (edges || mode !== 'class') context.stroke();
    }
    context.globalAlpha = 1;
    mark();
    drawPoints(dark);
    tellBox();
  }

  /** What stretch of the plane the picture shows. */
  function tellBox() {
    const { box, space } = scene.slice;
    const stretch = (from, size, low, high) =>
      [from, from + size].map((share) => (low + share * (high - low)).toPrecision(3)).join(' to ');
    const across = stretch(view.x, view.width, box[0], box[2]);
    const up = stretch(view.y, view.height, box[1], box[3]);
    at('box').textContent = `Shown: across ${across}, up ${up}, units of ${space}. Paler is flatter.`;
  }

  function mark() {
    if (marked < 0) return;
    trace(scene, marked);
    context.lineWidth = 3;
    context.strokeStyle = '#ffffff';
    context.stroke();
    context.lineWidth = 1.4;
    context.strokeStyle = '#000000';
    context.stroke();
  }

  function drawPoints(dark) {
    const { anchors, box, points } = scene.slice;
    context.font = '600 22px system-ui, sans-serif';
    for (let i = 0; 2 * i + 1 < anchors.length; i++) {
      const x = toX((anchors[2 * i] - box[0]) / (box[2] - box[0]));
      const y = toY((anchors[2 * i + 1] - box[1]) / (box[3] - box[1]));
      context.beginPath();
      context.arc(x, y, 7, 0, 2 * Math.PI);
      context.fillStyle = dark ? '#ffffff' : '#000000';
      context.fill();
      context.lineWidth = 3;
      context.strokeStyle = dark ? '#000000' : '#ffffff';
      context.stroke();
      context.lineWidth = 5;
      context.strokeText(`point ${points[i]}`, x + 12, y - 8);
      context.fillText(`point ${points[i]}`, x + 12, y - 8);
    }
  }

  function describe(x, y) {
    if (scene === null) return;
    marked = polygonAt(scene, x, y);
    const { box } = scene.slice;
    const place = `(${(box[0] + x * (box[2] - box[0])).toFixed(2)}, ${(box[1] + y * (box[3] - box[1])).toFixed(2)})`;
    if (marked < 0) at('hover').textContent = `${place}: no polygon`;
    else {
      const predicted =
        scene.classes[marked] < 0 ? 'no logits' : `class ${classes[scene.classes[marked]].name}`;
      const slope = Number.isNaN(scene.slopes[marked])
        ? ''
        : `, affine norm ${scene.slopes[marked].toPrecision(4)} logits per unit`;
      at('hover').textContent = `${place}: code ${digestOf(scene, marked)}…, ${predicted}${slope}`;
    }
  }

  function legend() {
    const seen = [...new Set(scene.classes)].filter((id) => id >= 0).sort((a, b) => a - b);
    at('legend').replaceChildren(
      ...(at('colour').value === 'class' ? seen : []).map((id) => {
        const item = document.createElement('li');
        const box = document.createElement('span');
        box.className = 'swatch';
        box.style.background = classes[id].colour;
        item.append(box, classes[id].name);
        return item;
      }),
    );
  }

  async function show() {
    const net = nets[Number(at('net').value)];
    at('net-name').textContent = net;
    const slice = slices.find(
      (each) => each.slice === at('plane').value && `${each.run} · ${each.model}` === net,
    );
    marked = -1;
    if (slice === undefined) {
      scene = null;
      context.clearRect(0, 0, canvas.width, canvas.height);
      at('hover').textContent = 'This network has no picture of this plane in the page; the tables have it.';
      return;
    }
    scene = await unpack(slice);
    const [width, height] = [slice.box[2] - slice.box[0], slice.box[3] - slice.box[1]];
    canvas.height = Math.round(Math.min(1100, Math.max(500, (canvas.width * height) / width)));
    canvas.dataset.polygons = String(scene.count);
    at('hover').textContent =
      `${scene.count.toLocaleString('en-US')} polygons in ${slice.space}. Point at one, or use the arrow keys; then the middle of the picture is described.`;
    draw();
    legend();
  }

  function zoom(factor, x = 0.5, y = 0.5) {
    const width = Math.min(1, Math.max(1 / 64, view.width / factor));
    const [px, py] = [view.x + x * view.width, view.y + y * view.height];
    move({ x: px - x * width, y: py - y * width, width, height: width });
  }

  function move(next) {
    view = {
      ...next,
      x: Math.max(0, Math.min(1 - next.width, next.x)),
      y: Math.max(0, Math.min(1 - next.height, next.y)),
    };
    draw();
  }

  function middle() {
    describe(view.x + view.width / 2, view.y + view.height / 2);
    draw();
  }

  function shareOf(event) {
    const frame = canvas.getBoundingClientRect();
    return {
      x: (event.clientX - frame.left) / frame.width,
      y: 1 - (event.clientY - frame.top) / frame.height,
    };
  }

  let drag = null;
  canvas.addEventListener('pointerdown', (event) => {
    drag = { ...shareOf(event), view: { ...view } };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointerup', () => {
    drag = null;
  });
  canvas.addEventListener('pointermove', (event) => {
    if (scene === null) return;
    const { x, y } = shareOf(event);
    if (drag !== null)
      move({
        ...drag.view,
        x: drag.view.x - (x - drag.x) * view.width,
        y: drag.view.y - (y - drag.y) * view.height,
      });
    else {
      const before = marked;
      describe(view.x + x * view.width, view.y + y * view.height);
      if (marked !== before) draw();
    }
  });
  canvas.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const { x, y } = shareOf(event);
      zoom(event.deltaY < 0 ? 1.25 : 0.8, x, y);
    },
    { passive: false },
  );
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener('keydown', (event) => {
    const step = STEPS[event.key];
    if (step !== undefined)
      move({ ...view, x: view.x + step[0] * view.width * 0.1, y: view.y + step[1] * view.height * 0.1 });
    else if (event.key === '+' || event.key === '=') zoom(1.5);
    else if (event.key === '-') zoom(1 / 1.5);
    else if (event.key === '0') move({ ...WHOLE });
    else return;
    event.preventDefault();
    middle();
  });
  at('in').addEventListener('click', () => zoom(1.5));
  at('out').addEventListener('click', () => zoom(1 / 1.5));
  at('reset').addEventListener('click', () => move({ ...WHOLE }));
  at('plane').addEventListener('change', () => {
    view = { ...WHOLE };
    show();
  });
  at('net').addEventListener('input', show);
  at('colour').addEventListener('change', () => {
    draw();
    legend();
  });
  at('edges').addEventListener('change', draw);
  document.addEventListener('themechange', draw);
  document.querySelector('#slices-panel form').addEventListener('submit', (event) => event.preventDefault());
  show();
})();
