
(() => {
  'use strict';
  const xhtml = 'http://www.w3.org/1999/xhtml';
  const svg = (document.currentScript && document.currentScript.closest('svg.flame')) || document.querySelector('svg.flame');
  const frames = svg.querySelector('.frames');
  const body = svg.querySelector('.body');
  const alone = document.documentElement === svg; // not within a page
  const keepEnd = svg.dataset.keepEnd === 'true';
  const icicle = svg.dataset.icicle === 'true';
  const height = parseFloat(svg.getAttribute('height'));
  const staticTop = parseFloat(svg.dataset.top);
  const leftOut = Number(svg.dataset.left);
  const many = new Intl.NumberFormat('en');
  svg.setAttribute('width', '100%'); // the fixed size is for viewers without scripts
  svg.removeAttribute('viewBox');
  svg.classList.add('live');

  const boxes = Array.from(frames.children, readBox);
  const state = { zoom: 0, term: '', hits: [], hit: -1, focus: 0, table: false, sandwich: '' };
  link();

  // A box has its place in percent. The boxes above it are those after it, up to end.
  function readBox(el, i) {
    const [name, says] = el.querySelector('title').textContent.split('\n');
    const inside = el.localName === 'svg'; // else it is a group, whose rectangle has the place
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

  // setTimes sets the time axis of a flame chart to the part in view.
  const times = Array.from(svg.querySelectorAll('.axis text'));
  const whole = times.map((t) => t.textContent);

  function setTimes() {
    const z = boxes[state.zoom];
    const total = Number(svg.dataset.total);
    times.forEach((t, i) => {
      const at = total * (z.x + z.w * i / (times.length - 1)) / 100;
      t.textContent = z.i === 0 ? whole[i] : clock(at);
    });
  }

  function clock(ms) {
    if (ms > 0 && ms < 1) return Math.round(ms * 1000) + 'µs';
    if (ms < 10) return Number(ms.toFixed(2)) + 'ms';
    if (ms < 1000) return Math.round(ms) + 'ms';
    const minutes = Math.floor(ms / 60000), seconds = (ms % 60000 / 1000).toFixed(minutes ? 0 : 2) + 's';
    return minutes ? minutes + 'm' + seconds : seconds;
  }

  // The panel is between the title and the frames. The script creates it, so a
  // picture whose script may not run has no buttons without effect.
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
  const around = h('button', { type: 'button', title: 'Callers and callees of the selected function (c)', 'class': 'around', 'aria-pressed': 'false', onclick: () => showSandwich(state.sandwich === '') }, 'Callers');
  const toggle = h('button', { type: 'button', title: 'The same data as a table (t)', 'class': 'toggle', 'aria-pressed': 'false', onclick: () => showTable(!state.table) }, 'Table');
  const crumbs = h('nav', { 'class': 'crumbs', 'aria-label': 'Frames above the one in view' });
  const says = h('div', { 'class': 'says' });
  const sheet = h('div', { 'class': 'sheet' });
  const panel = h('div', { 'class': 'panel' }, h('div', { 'class': 'bar' }, input, previous, next, reset, around, toggle, matched, says), crumbs, sheet);
  const room = document.createElementNS(svg.namespaceURI, 'foreignObject');
  room.setAttribute('x', '1%');
  room.setAttribute('width', '98%');
  room.append(panel);

  // wordsOf splits lines of text where they may break.
  function wordsOf(group) {
    const { sep } = group.dataset;
    group.words = group.words || Array.from(group.children, (t) => t.textContent).join(sep).split(sep);
    return group.words;
  }

  // flow breaks text into lines that fit, and returns the height that this saves.
  function flow(group, y) {
    if (group.children.length === 0) return 0;
    group.lines = group.lines || group.children.length;
    const { sep, line } = group.dataset;
    pen.font = getComputedStyle(group).font;
    const space = svg.getBoundingClientRect().width * 0.98;
    const lines = [''];
    for (const word of wordsOf(group)) {
      const longer = lines[lines.length - 1] + (lines[lines.length - 1] ? sep : '') + word;
      if (pen.measureText(longer).width <= space || lines[lines.length - 1] === '') lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    while (group.children.length > lines.length) group.lastChild.remove();
    while (group.children.length < lines.length) group.append(group.lastChild.cloneNode());
    Array.from(group.children).forEach((t, i) => { t.textContent = lines[i]; t.setAttribute('y', y + i * line); });
    return (group.lines - lines.length) * line;
  }

  // arrange places the parts below one another. It does so only when the width or the
  // panel has changed: a new height makes the browser lay out every box.
  let arranged = '';

  function arrange() {
    const tall = Math.ceil(panel.scrollHeight) + 4;
    const sheeted = state.table || state.sandwich !== '';
    const now = [svg.clientWidth, tall, sheeted].join();
    if (now === arranged) return;
    arranged = now;
    const title = svg.querySelector('.title'), facts = svg.querySelector('.facts');
    let up = flow(title, Number(title.dataset.y));
    up += flow(facts, Number(facts.dataset.y) - up);
    room.setAttribute('y', staticTop - up - 4);
    room.setAttribute('height', tall);
    body.setAttribute('transform', 'translate(0,' + (tall - up) + ')');
    let saved = 0;
    for (const note of svg.querySelectorAll('.note')) saved += flow(note, Number(note.dataset.y) - saved);
    if (sheeted) body.setAttribute('display', 'none');
    else body.removeAttribute('display');
    svg.setAttribute('height', sheeted ? staticTop - up + tall + 10 : height + tall - up - saved);
  }

  function describe(i) {
    const b = boxes[i];
    says.textContent = b ? b.name + ': ' + b.says : '';
  }

  function draw() {
    layout();
    setTimes();
    const path = ancestors(state.zoom);
    crumbs.replaceChildren(...shortened(path, boxes[state.zoom].name).flatMap((p) => p < 0 ? ['…', '›'] :
      [h('button', { type: 'button', onclick: () => zoom(p) }, boxes[p].name), '›']), h('b', {}, boxes[state.zoom].name));
    crumbs.hidden = state.zoom === 0;
    reset.disabled = state.zoom === 0;
    if (state.sandwich !== '') fillSandwich();
    else if (state.table) fillTable();
    arrange();
  }

  // shortened leaves out the middle of a path that does not fit: the frames nearest to
  // the one in view matter most. -1 stands for the frames left out.
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
    state.sandwich = '';
    mark();
    draw();
    describe(i);
    save();
  }

  // search marks the frames whose name matches. The share is of the frames in view; a
  // match within a match adds nothing to it.
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
      (state.zoom ? ' of what is in view' : '') + (leftOut ? '; ' + many.format(leftOut) + ' narrower frames are not searched' : '');
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
    c: () => showSandwich(state.sandwich === ''),
    '/': () => input.focus(),
    Escape: back,
  };

  // back undoes one thing: the callers, the table, the search, the zoom.
  function back() {
    if (state.sandwich !== '') return showSandwich(false);
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

  // The table lists the frames in view, by default in the order of the tree. Rows are
  // added in portions: a browser needs seconds for 100,000.
  const portion = 1000;
  let sorted = 'tree';

  function showTable(on) {
    state.table = on;
    state.sandwich = '';
    around.setAttribute('aria-pressed', 'false');
    toggle.setAttribute('aria-pressed', String(on));
    toggle.textContent = on ? 'Graph' : 'Table';
    sheet.replaceChildren();
    draw();
    save();
  }

  function columns(b) {
    const parts = b.says.split(', ');
    const self = parts.find((p) => p.endsWith(' in the frame itself'));
    const alone = self ? self.replace(' in the frame itself', '') : b.self ? parts[0] : '0';
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
      h('thead', {}, h('tr', {}, ...head)), rows(list.length, (i) => row(list[i]))));
  }

  // rows returns a table body that grows by a portion on request.
  function rows(count, make) {
    const tbody = h('tbody');
    const more = h('tr', { 'class': 'more' }, h('td', { colspan: 5 }, h('button', { type: 'button', onclick: () => { add(); arrange(); } }, 'Show more rows')));
    let shown = 0;
    function add() {
      more.remove();
      for (const end = Math.min(shown + portion, count); shown < end; shown++) tbody.append(make(shown));
      if (shown < count) tbody.append(more);
    }
    add();
    return tbody;
  }

  // The callers and callees of a function come from the stacks in the file, which
  // include the frames that are not drawn. A stack counts once, at its outermost
  // frame of the function.
  let stored = null;

  async function readStacks() {
    const folded = svg.querySelector('folded');
    const bytes = Uint8Array.from(atob(folded.textContent.trim()), (c) => c.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
    return text.split('\n').filter(Boolean).map((line) => {
      const at = line.lastIndexOf(' ');
      let stack = line.slice(0, at);
      if (folded.getAttribute('columns') === '2') stack = stack.slice(0, stack.lastIndexOf(' '));
      return { frames: stack.split(';').map(plain), weight: Number(line.slice(at + 1)) };
    });
  }

  // plain returns a name in the form that folded stacks and boxes have in common. A number
  // at the end of a stack would be a weight.
  function plain(name) {
    return name.replaceAll(';', ':').trim().replace(/_\[[kijw]\]$/, '').replace(/ (\d[\d.eE+-]*)$/, '_$1');
  }

  function showSandwich(on) {
    const chosen = state.focus > 0 ? state.focus : state.zoom;
    state.table = false;
    state.sandwich = on && chosen > 0 ? plain(boxes[chosen].name) : '';
    toggle.setAttribute('aria-pressed', 'false');
    toggle.textContent = 'Table';
    around.setAttribute('aria-pressed', String(state.sandwich !== ''));
    sheet.replaceChildren();
    draw();
    save();
    if (on && chosen <= 0) says.textContent = 'Select a function first: click it, or go to it with the arrow keys';
  }

  // neighbours counts the callers and callees of a function.
  function neighbours(stacks, name) {
    const result = { total: 0, self: 0, callers: new Map(), callees: new Map() };
    const add = (map, key, weight) => map.set(key, (map.get(key) || 0) + weight);
    for (const { frames: stack, weight } of stacks) {
      const at = stack.indexOf(name);
      if (at < 0 || weight === 0) continue;
      result.total += weight;
      if (at > 0) add(result.callers, stack[at - 1], weight);
      if (at + 1 < stack.length) add(result.callees, stack[at + 1], weight);
      else result.self += weight;
    }
    return result;
  }

  async function fillSandwich() {
    const name = state.sandwich;
    try {
      stored = stored || await readStacks();
    } catch {
      says.textContent = 'This browser cannot read the stacks in the file';
      return;
    }
    if (state.sandwich !== name) return;
    const found = neighbours(stored, name);
    const pruned = svg.querySelector('folded').getAttribute('pruned') === 'true';
    sheet.replaceChildren(h('h2', {}, name),
      h('p', {}, amount(found.total) + ', ' + amount(found.self) + ' in the frame itself' + (pruned ? '; this file does not contain the narrowest frames' : '')),
      ...weights('Called by', 'callers', found.callers, found.total), ...weights('Calls', 'callees', found.callees, found.total));
    arrange();
  }

  function weights(title, name, map, total) {
    const list = Array.from(map).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return [h('h2', {}, title), h('table', { 'class': name }, rows(list.length, (i) => h('tr', {}, h('td', {}, list[i][0]),
      h('td', {}, amount(list[i][1])), h('td', {}, (100 * list[i][1] / total).toFixed(1) + ' %'))))];
  }

  function amount(weight) {
    const unit = svg.dataset.unit;
    if (unit === 'ms') return clock(weight);
    if (unit === 'bytes') return weight < 1048576 ? (weight / 1024).toFixed(1) + ' KB' : (weight / 1048576).toFixed(1) + ' MB';
    return many.format(weight) + ' ' + unit;
  }

  // The whole picture is printed on one page.
  window.addEventListener('beforeprint', () => {
    svg.setAttribute('viewBox', '0 0 ' + svg.clientWidth + ' ' + svg.getAttribute('height'));
    svg.setAttribute('preserveAspectRatio', 'xMidYMin meet');
  });
  window.addEventListener('afterprint', () => svg.removeAttribute('viewBox'));

  // remarks are the findings, and the frames that only the base has.
  function remarks() {
    const lists = [['What stands out', '.findings > desc'], ['Gone since the base', '.gone title'], ['Notes', '.note']];
    return lists.flatMap(([title, from]) => {
      const items = Array.from(svg.querySelectorAll(from), (el) => h('li', {}, el.dataset.sep ? wordsOf(el).join(' ') : el.textContent));
      return items.length ? [h('h2', {}, title), h('ul', {}, ...items)] : [];
    });
  }

  // The state is in the address, so that a link shows the same view.
  function save() {
    if (!alone) return;
    const q = new URLSearchParams();
    if (state.zoom) q.set('zoom', state.zoom);
    if (state.term) q.set('search', state.term);
    if (state.table) q.set('table', '1');
    if (state.sandwich) q.set('callers', state.sandwich);
    const hash = '#' + q;
    if (location.hash === hash || (hash === '#' && location.hash === '')) return;
    try {
      history.replaceState(null, '', hash);
    } catch {
      location.hash = hash; // browsers do not let every file rewrite its address
    }
  }

  function load() {
    if (!alone) return;
    const q = new URLSearchParams(location.hash.slice(1));
    const i = Number(q.get('zoom'));
    state.zoom = state.focus = boxes[i] ? i : 0;
    state.term = input.value = q.get('search') || '';
    state.table = q.get('table') === '1';
    state.sandwich = q.get('callers') || '';
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
