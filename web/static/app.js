// The site's own script. Every page works without it; text is set by textContent alone.
'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A link to a field opens the branches above it.
  const reveal = () => {
    let id = '';
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const raw = location.hash.slice(1);
    const target = document.getElementById(raw) || document.getElementById(id);
    if (!target) return;
    for (let e = target; e; e = e.parentElement) if (e.tagName === 'DETAILS') e.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  if (location.hash) reveal();

  // Copy buttons.
  for (const button of all('[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      const words = button.textContent;
      try {
        await navigator.clipboard.writeText(button.parentElement.querySelector('pre').textContent);
        button.textContent = 'Copied';
      } catch { button.textContent = 'Not allowed'; }
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }

  // Selects that send their form at once; their button is for readers without script.
  for (const select of all('[data-submit]')) {
    const button = select.form.querySelector('button');
    if (button) button.hidden = true;
    select.addEventListener('change', () => select.form.submit());
  }

  // The schema tree: filter, open all, close all.
  const tools = document.querySelector('[data-tools]');
  const tree = document.querySelector('[data-tree]');
  if (tools && tree) {
    tools.hidden = false;
    const root = tree.firstElementChild;
    const places = all('li', tree).filter((li) => li !== root);
    for (const button of all('[data-fold]', tools)) {
      button.addEventListener('click', () => { for (const d of all('details', tree)) d.open = button.dataset.fold === 'open'; });
    }
    const filter = tools.querySelector('[data-filter]');
    filter.addEventListener('input', () => {
      const q = filter.value.trim().toLowerCase();
      const shown = new Set();
      for (const li of places) {
        if (!q || (li.id || '').toLowerCase().includes(q)) {
          for (let e = li; e && e !== root; e = e.parentElement.closest('li')) shown.add(e);
        }
      }
      for (const li of places) {
        li.hidden = !shown.has(li);
        const d = li.firstElementChild;
        if (q && shown.has(li) && d.tagName === 'DETAILS') d.open = true;
      }
    });
  }

  // The search box: a combobox (WAI-ARIA APG, editable with list) over the search page's own answers.
  const form = document.querySelector('[data-combobox]');
  const template = document.getElementById('hit');
  if (form && template) {
    const input = form.querySelector('input');
    const list = document.createElement('ul');
    list.className = 'hits';
    list.id = 'hits';
    list.hidden = true;
    list.setAttribute('role', 'listbox');
    list.setAttribute('aria-label', 'Search results');
    form.append(list);
    for (const [name, value] of [['role', 'combobox'], ['aria-expanded', 'false'], ['aria-controls', 'hits'], ['aria-autocomplete', 'list']]) input.setAttribute(name, value);
    let hits = [];
    let at = -1;
    let asked = 0;
    const close = () => {
      list.hidden = true;
      at = -1;
      input.setAttribute('aria-expanded', 'false');
      input.removeAttribute('aria-activedescendant');
    };
    const mark = (n) => {
      at = n;
      all('li', list).forEach((li, i) => { li.setAttribute('aria-selected', String(i === at)); if (i === at) li.scrollIntoView({ block: 'nearest' }); });
      if (at >= 0) input.setAttribute('aria-activedescendant', 'hit-' + at); else input.removeAttribute('aria-activedescendant');
    };
    const show = () => {
      list.replaceChildren(...hits.map((hit, i) => {
        const li = template.content.firstElementChild.cloneNode(true);
        li.id = 'hit-' + i;
        li.querySelector('.k').textContent = hit.kind;
        li.querySelector('.n').textContent = hit.name;
        li.querySelector('.w').textContent = hit.words;
        li.addEventListener('mousedown', (e) => { e.preventDefault(); location.href = hit.href; });
        return li;
      }));
      list.hidden = hits.length === 0;
      input.setAttribute('aria-expanded', String(!list.hidden));
      mark(-1);
    };
    const ask = async () => {
      const q = input.value.trim();
      const mine = ++asked;
      if (!q) { hits = []; close(); return; }
      try {
        const answer = await fetch(form.action + '?q=' + encodeURIComponent(q), { headers: { Accept: 'application/json' } });
        const found = answer.ok ? await answer.json() : [];
        if (mine === asked) { hits = found.slice(0, 12); show(); }
      } catch { close(); }
    };
    let timer;
    input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(ask, 90); });
    input.addEventListener('blur', close);
    input.addEventListener('keydown', (e) => {
      if (e.key === 'Escape') { close(); return; }
      if (list.hidden) return;
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
        e.preventDefault();
        mark((at + (e.key === 'ArrowDown' ? 1 : -1) + hits.length + (at < 0 && e.key === 'ArrowUp' ? 1 : 0)) % hits.length);
      }
    });
    form.addEventListener('submit', (e) => {
      if (list.hidden || at < 0) return;
      e.preventDefault();
      location.href = hits[at].href;
    });
    addEventListener('keydown', (e) => {
      const typing = e.target.closest && e.target.closest('input, textarea, select, [contenteditable]');
      if ((e.key === '/' && !typing && !e.ctrlKey && !e.metaKey && !e.altKey) || (e.key.toLowerCase() === 'k' && (e.ctrlKey || e.metaKey))) {
        e.preventDefault();
        input.focus();
        input.select();
      }
    });
  }
})();
