// What a page shows is in its address: a link, a reload and the back button lead to the same view.

const TYPING_MS = 250;

// Returns the fields of a view as the address has them; the given ones for others.
export function kept(fields) {
  const asked = new URLSearchParams(location.search);
  return Object.fromEntries(Object.entries(fields).map(([name, value]) =>
    [name, asked.get(name) ?? value]));
}

// Puts a view into the address, without a new entry in the history.
export function keep(view) {
  const shown = Object.entries(view).filter(([, value]) => value !== null);
  history.replaceState(history.state, "", `?${new URLSearchParams(shown)}`);
}

// Binds a search field to a field of a view.
export function typed(input, view, name, changed) {
  let typing = 0;
  input.value = view[name];
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      view[name] = input.value.trim();
      keep(view);
      changed();
    }, TYPING_MS);
  });
}
