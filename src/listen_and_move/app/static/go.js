// Going to another view, for views: `main.js` listens.

export function go(path) {
  dispatchEvent(new CustomEvent("go", { detail: path }));
}
