
(() => {
  'use strict';
  const xhtml = 'http://www.w3.org/1999/xhtml';
  const svg = (document.currentScript && document.currentScript.closest('svg.flame')) || document.querySelector('svg.flame');
  const frames = svg.querySelector('.frames');
  const body = svg.querySelector('.body');
  const alone = document.documentElement === svg; // not one picture among others in a page
  const keepEnd = svg.dataset.keepEnd === 'true';
  const icicle = svg.dataset.icicle === 'true';
  const height = parseFloat(svg.getAttribute('height'));
  const staticTop = parseFloat(svg.dataset.top);

  const boxes = Array.from(frames.children, readBox);
  const state = { zoom: 0, term: '', hits: [], hit: -1, focus: 0, table: false };
  link();

  // A box knows its place in percent, and the range of boxes under it: they
  // stand after it, up to end.
  function readBox(el, i) {
    const [name, says] = el.querySelector('title').textContent.split('\n');
    const inside = el.localName === 'svg'; // else it is a group, and its rectangle has the place
    const placed = inside ? el : el.querySelector('rect');
    return {
      el, i, name, says, inside, placed,
      x: parseFloat(placed.getAttribute('x')), w: parseFloat(placed.getAttribute('width')),
      depth: Number(el.getAttribute('aria-level')) - 1,
      self: parseFloat(el.dataset.self || 0),
      label: el.querySelector('text'), shown: true, atX: null, atW: null, above: false, parent: -1, end: 0,
    };
  }

  function link() {
    const path = [];
    for (const b of boxes) {
      while (path.length > b.depth) path.pop().end = b.i;
      b.parent = path.length ? path[path.length - 1].i : -1;
      path.push(b);
    }
    for (const b of path) b.end = boxes.length;
  }

  function ancestors(i) {
    const list = [];
    for (let p = boxes[i].parent; p >= 0; p = boxes[p].parent) list.unshift(p);
    return list;
  }

  // Labels are measured by character, each once: kerning makes the sum too
  // wide by a hair, never too narrow.
  const pen = document.createElementNS(xhtml, 'canvas').getContext('2d');
  const widths = new Map();

  function charWidth(c) {
    let w = widths.get(c);
    if (w === undefined) widths.set(c, w = pen.measureText(c).width);
    return w;
  }

  function fit(name, room) {
    let chars = Array.from(name);
    let sum = 0;
    for (const c of chars) sum += charWidth(c);
    if (sum <= room) return name;
    if (keepEnd) chars.reverse();
    let used = charWidth('…'), n = 0;
    while (n < chars.length && used + charWidth(chars[n]) <= room) used += charWidth(chars[n++]);
    if (n < 2) return '';
    chars = chars.slice(0, n);
    return keepEnd ? '…' + chars.reverse().join('') : chars.join('') + '…';
  }

  function setLabel(b, pixels) {
    const want = pixels < 22 ? '' : fit(b.name, pixels - 8);
    if (!b.label) {
      if (want === '') return;
      b.label = document.createElementNS(svg.namespaceURI, 'text');
      b.label.setAttribute('y', Number(b.placed.getAttribute('y')) + 12.5);
      b.label.setAttribute('dx', '4');
      b.el.appendChild(b.label);
    }
    if (!b.inside) b.label.setAttribute('x', b.atX + '%');
    if (b.label.textContent !== want) b.label.textContent = want;
  }

  // place moves a box, and touches the document only where something changes:
  // there are thousands of them.
  function place(b, x, w, above, pixels) {
    if (!b.shown) b.el.removeAttribute('display');
    b.shown = true;
    if (b.atX !== x) b.placed.setAttribute('x', (b.atX = x) + '%');
    if (b.atW !== w) b.placed.setAttribute('width', (b.atW = w) + '%');
    if (b.above !== above) b.el.classList.toggle('above', b.above = above);
    setLabel(b, w * pixels / 100);
  }

  function hide(b) {
    if (b.shown) b.el.setAttribute('display', 'none');
    b.shown = false;
  }

  function layout() {
    const pixels = svg.getBoundingClientRect().width * 0.98;
    const z = boxes[state.zoom];
    const path = new Set(ancestors(state.zoom));
    pen.font = getComputedStyle(frames).font;
    for (const b of boxes) {
      if (path.has(b.i)) place(b, 0, 100, true, pixels);
      else if (b.i < z.i || b.i >= z.end) hide(b);
      else if (z.i === 0) place(b, b.x, b.w, false, pixels);
      else place(b, (b.x - z.x) / z.w * 100, b.w / z.w * 100, false, pixels);
    }
  }

  // tellTimes sets the line of times below a flame chart to what is in view.
  const times = Array.from(svg.querySelectorAll('.axis text'));
  const whole = times.map((t) => t.textContent);

  function tellTimes() {
    const z = boxes[state.zoom];
    const total = Number(svg.dataset.total);
    times.forEach((t, i) => {
      const at = total * (z.x + z.w * i / (times.length - 1)) / 100;
      t.textContent = z.i === 0 ? whole[i] : clock(at);
    });
  }

  function clock(ms) {
    if (ms < 1000) return Math.round(ms) + 'ms';
    const minutes = Math.floor(ms / 60000), seconds = (ms % 60000 / 1000).toFixed(minutes ? 0 : 2) + 's';
    return minutes ? minutes + 'm' + seconds : seconds;
  }

  // The panel stands between the title and the frames. It is made here, so that
  // a picture whose script may not run has no buttons that do nothing.
  function h(tag, attributes, ...children) {
    const el = document.createElementNS(xhtml, tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
      else el.setAttribute(key, value);
    }
    el.append(...children);
    return el;
  }

  const input = h('input', {
    type: 'search', placeholder: 'Search (/)', 'aria-label': 'Search frames by regular expression',
    oninput: () => search(input.value), title: 'A regular expression; without capitals it matches them too',
  });
  const previous = h('button', { type: 'button', 'aria-label': 'Previous match', title: 'Previous match (N)', onclick: () => step(-1) }, '‹');
  const next = h('button', { type: 'button', 'aria-label': 'Next match', title: 'Next match (n)', onclick: () => step(1) }, '›');
  const matched = h('span', { role: 'status', 'class': 'matched' });
  const reset = h('button', { type: 'button', title: 'Show everything (Escape)', 'class': 'reset', onclick: () => zoom(0) }, 'Reset zoom');
  const toggle = h('button', { type: 'button', title: 'The same data as a table (t)', 'class': 'toggle', 'aria-pressed': 'false', onclick: () => showTable(!state.table) }, 'Table');
  const crumbs = h('nav', { 'class': 'crumbs', 'aria-label': 'Frames above the one in view' });
  const says = h('div', { 'class': 'says' });
  const sheet = h('div', { 'class': 'sheet' });
  const panel = h('div', { 'class': 'panel' }, h('div', { 'class': 'bar' }, input, previous, next, reset, toggle, matched), crumbs, says, sheet);
  const room = document.createElementNS(svg.namespaceURI, 'foreignObject');
  room.setAttribute('x', '1%');
  room.setAttribute('width', '98%');
  room.append(panel);

  // wordsOf cuts text that was written in short lines where its lines may break.
  function wordsOf(group) {
    const { sep } = group.dataset;
    group.words = group.words || Array.from(group.children, (t) => t.textContent).join(sep).split(sep);
    return group.words;
  }

  // flow sets text that was written in short lines in lines as long as fit, and
  // returns how much higher that made it.
  function flow(group, y) {
    const texts = Array.from(group.children);
    const { sep, line } = group.dataset;
    pen.font = getComputedStyle(group).font;
    const space = svg.getBoundingClientRect().width * 0.98;
    const lines = [''];
    for (const word of wordsOf(group)) {
      const longer = lines[lines.length - 1] + (lines[lines.length - 1] ? sep : '') + word;
      if (pen.measureText(longer).width <= space || lines[lines.length - 1] === '') lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    texts.forEach((t, i) => { t.textContent = lines[i] || ''; t.setAttribute('y', y + i * line); });
    return Math.max(0, texts.length - lines.length) * line;
  }

  // arrange puts the parts under one another: how high they are depends on the width.
  // It does so only when that has changed: a new height makes the browser lay out every box.
  let arranged = '';

  function arrange() {
    const tall = Math.ceil(panel.scrollHeight) + 4;
    const now = [svg.clientWidth, tall, state.table].join();
    if (now === arranged) return;
    arranged = now;
    const title = svg.querySelector('.title'), facts = svg.querySelector('.facts');
    let up = flow(title, Number(title.dataset.y));
    up += flow(facts, Number(facts.dataset.y) - up);
    room.setAttribute('y', staticTop - up - 6);
    room.setAttribute('height', tall);
    body.setAttribute('transform', 'translate(0,' + (tall - up) + ')');
    let saved = 0;
    for (const note of svg.querySelectorAll('.note')) saved += flow(note, Number(note.dataset.y) - saved);
    if (state.table) body.setAttribute('display', 'none');
    else body.removeAttribute('display');
    svg.setAttribute('height', state.table ? staticTop - up + tall + 10 : height + tall - up - saved);
  }

  function describe(i) {
    const b = boxes[i];
    says.textContent = b ? b.name + ': ' + b.says : '';
  }

  function draw() {
    layout();
    tellTimes();
    const path = ancestors(state.zoom);
    crumbs.replaceChildren(...shortened(path, boxes[state.zoom].name).flatMap((p) => p < 0 ? ['…', '›'] :
      [h('button', { type: 'button', onclick: () => zoom(p) }, boxes[p].name), '›']), h('b', {}, boxes[state.zoom].name));
    reset.disabled = state.zoom === 0;
    if (state.table) fillTable();
    arrange();
  }

  // shortened leaves out of a path what does not fit beside its end: what is
  // nearest to the frame in view says most. -1 stands for what was left out.
  function shortened(path, name) {
    const around = 24; // pixels around a name
    pen.font = getComputedStyle(crumbs).font;
    const wide = (text) => Math.min(pen.measureText(text).width, 240) + around;
    let space = svg.getBoundingClientRect().width * 0.98 - wide(name);
    const all = path.reduce((sum, p) => sum + wide(boxes[p].name), 0);
    if (all <= space) return path;
    space -= wide(boxes[0].name) + wide('…');
    let first = path.length;
    while (first > 1 && wide(boxes[path[first - 1]].name) <= space) space -= wide(boxes[path[--first]].name);
    return [0, -1, ...path.slice(first)];
  }

  function zoom(i) {
    state.zoom = i;
    state.focus = i;
    mark();
    draw();
    describe(i);
    save();
  }

  // search marks the frames whose name matches. The share is that of the frames
  // in view, and a match within a match adds nothing to it.
  function search(term) {
    state.term = term;
    state.hit = -1;
    mark();
    save();
  }

  function pattern() {
    if (state.term === '') return null;
    try {
      return new RegExp(state.term, state.term === state.term.toLowerCase() ? 'iu' : 'u');
    } catch (error) {
      return error;
    }
  }

  function mark() {
    const re = pattern();
    const wrong = re instanceof Error;
    const z = boxes[state.zoom];
    let sum = 0, covered = 0;
    state.hits = [];
    for (const b of boxes) {
      const hit = !!re && !wrong && re.test(b.name);
      if (b.hit !== hit) b.el.classList.toggle('hit', b.hit = hit);
      if (!hit || b.i < z.i || b.i >= z.end) continue;
      state.hits.push(b.i);
      if (b.i >= covered) {
        sum += b.w;
        covered = b.end;
      }
    }
    input.classList.toggle('wrong', wrong);
    previous.disabled = next.disabled = state.hits.length === 0;
    matched.textContent = wrong ? 'not a regular expression' : re ? tell(sum / z.w) : '';
  }

  function tell(share) {
    return state.hits.length + (state.hits.length === 1 ? ' match, ' : ' matches, ') + (100 * share).toFixed(1) + ' %' +
      (state.zoom ? ' of what is in view' : '');
  }

  function step(by) {
    const n = state.hits.length;
    if (n === 0) return;
    state.hit = state.hit < 0 && by < 0 ? n - 1 : (state.hit + by + n) % n;
    focusOn(state.hits[state.hit]);
    matched.textContent = (state.hit + 1) + ' of ' + matched.textContent.replace(/^\d+ of /, '');
  }

  // One frame is in the order of the Tab key; the arrows go on from there.
  function focusOn(i) {
    const b = boxes[i];
    if (!b || !b.shown) return;
    boxes[state.focus].el.setAttribute('tabindex', '-1');
    boxes[state.focus].el.classList.remove('here');
    state.focus = i;
    b.el.setAttribute('tabindex', '0');
    b.el.classList.add('here');
    b.el.focus();
    describe(i);
  }

  function sibling(i, by) {
    for (let j = i + by; j >= 0 && j < boxes.length; j += by) {
      if (boxes[j].depth === boxes[i].depth && boxes[j].shown) return j;
    }
    return i;
  }

  // firstUnder is the widest frame on the frame i.
  function firstUnder(i) {
    let best = -1;
    for (let j = i + 1; j < boxes[i].end; j = boxes[j].end) {
      if (boxes[j].shown && (best < 0 || boxes[j].w > boxes[best].w)) best = j;
    }
    return best;
  }

  const inwards = icicle ? 'ArrowDown' : 'ArrowUp';
  const outwards = icicle ? 'ArrowUp' : 'ArrowDown';
  const keys = {
    [inwards]: () => focusOn(firstUnder(state.focus)),
    [outwards]: () => focusOn(boxes[state.focus].parent),
    ArrowLeft: () => focusOn(sibling(state.focus, -1)),
    ArrowRight: () => focusOn(sibling(state.focus, 1)),
    Home: () => focusOn(0),
    Enter: () => { zoom(state.focus); focusOn(state.focus); },
    ' ': () => { zoom(state.focus); focusOn(state.focus); },
    n: () => step(1),
    N: () => step(-1),
    t: () => showTable(!state.table),
    '/': () => input.focus(),
    Escape: back,
  };

  // back undoes one thing: the table, the search, the zoom.
  function back() {
    if (state.table) return showTable(false);
    if (state.term !== '') {
      input.value = '';
      return search('');
    }
    zoom(0);
    focusOn(0);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onFrame = event.target === document.body || event.target === svg || frames.contains(event.target);
    if (event.target === input) {
      if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
      else if (event.key === 'Escape') { input.value = ''; search(''); focusOn(state.focus); }
      else return;
    } else if (keys[event.key] && (onFrame || event.key === 'Escape' || event.key === '/')) {
      keys[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  }

  // The table has the frames in view, by default in the order of the tree.
  let sorted = 'tree';

  function showTable(on) {
    state.table = on;
    toggle.setAttribute('aria-pressed', String(on));
    toggle.textContent = on ? 'Graph' : 'Table';
    sheet.replaceChildren();
    draw();
    save();
  }

  function columns(b) {
    const parts = b.says.split(', ');
    const self = parts.find((p) => p.endsWith(' of it self'));
    const alone = self ? self.replace(' of it self', '') : b.self ? parts[0] : '0';
    return [alone, parts[0], parts[1], parts.slice(2).filter((p) => p !== self).join(', ')];
  }

  function row(b) {
    const name = h('td', {}, b.name);
    if (sorted === 'tree') name.style.paddingLeft = 8 + 12 * Math.min(b.depth - boxes[state.zoom].depth, 40) + 'px';
    return h('tr', {}, name, ...columns(b).map((c) => h('td', {}, c)));
  }

  function fillTable() {
    const z = boxes[state.zoom];
    const list = boxes.slice(z.i, z.end);
    if (sorted !== 'tree') list.sort((a, b) => (sorted === 'self' ? b.self - a.self : b.w - a.w) || a.i - b.i);
    const head = [['tree', 'Frame'], ['self', 'Self'], ['total', 'Total'], ['total', 'Share'], ['', '']].map(([by, label]) =>
      h('th', { scope: 'col', 'aria-sort': by === sorted ? 'descending' : 'none' },
        by ? h('button', { type: 'button', onclick: () => { sorted = by; draw(); } }, label) : label));
    sheet.replaceChildren(...remarks(), h('table', {},
      h('caption', {}, list.length + ' frames' + (state.zoom ? ' of ' + z.name : '') + '; the headings sort'),
      h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...list.map(row))));
  }

  // remarks are the findings, and the frames that are only in the base.
  function remarks() {
    const lists = [['What stands out', '.findings > desc'], ['Gone since the base', '.gone title'], ['Notes', '.note']];
    return lists.flatMap(([title, from]) => {
      const items = Array.from(svg.querySelectorAll(from), (el) => h('li', {}, el.dataset.sep ? wordsOf(el).join(' ') : el.textContent));
      return items.length ? [h('h2', {}, title), h('ul', {}, ...items)] : [];
    });
  }

  // The state is in the address, so that a link shows what its sender saw.
  function save() {
    if (!alone) return;
    const q = new URLSearchParams();
    if (state.zoom) q.set('zoom', state.zoom);
    if (state.term) q.set('search', state.term);
    if (state.table) q.set('table', '1');
    const hash = '#' + q;
    if (location.hash === hash || (hash === '#' && location.hash === '')) return;
    try {
      history.replaceState(null, '', hash);
    } catch {
      location.hash = hash; // a file that the browser does not let rewrite its address
    }
  }

  function load() {
    if (!alone) return;
    const q = new URLSearchParams(location.hash.slice(1));
    const i = Number(q.get('zoom'));
    state.zoom = state.focus = boxes[i] ? i : 0;
    state.term = input.value = q.get('search') || '';
    state.table = q.get('table') === '1';
  }

  function boxOf(event) {
    const el = event.target.closest ? event.target.closest('.f') : null;
    return el && boxes.find((b) => b.el === el);
  }

  svg.insertBefore(room, body);
  frames.addEventListener('click', (event) => { const b = boxOf(event); if (b) zoom(b.i); });
  frames.addEventListener('mouseover', (event) => { const b = boxOf(event); if (b) describe(b.i); });
  frames.addEventListener('mouseleave', () => describe(state.zoom || -1));
  svg.addEventListener('keydown', onKey);
  if (alone) window.addEventListener('hashchange', () => { load(); mark(); draw(); });
  let wide = 0;
  new ResizeObserver(() => {
    if (wide !== panel.clientWidth) layout();
    wide = panel.clientWidth;
    arrange();
  }).observe(panel);
  load();
  toggle.textContent = state.table ? 'Graph' : 'Table';
  mark();
  draw();
})();
