// What every page does: the choice of light or dark, and figures that folded parts do not hide from paper.
(() => {
  const button = document.getElementById('theme');
  const themes = ['', 'light', 'dark'];
  const names = ['Theme: as the system', 'Theme: light', 'Theme: dark'];
  let theme = 0;
  button.hidden = false;
  button.addEventListener('click', () => {
    theme = (theme + 1) % themes.length;
    document.documentElement.dataset.theme = themes[theme];
    button.textContent = names[theme];
    document.dispatchEvent(new CustomEvent('themechange'));
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
    document.dispatchEvent(new CustomEvent('themechange')),
  );
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll('details.span:not([open])')];
    for (const each of opened) each.open = true;
  });
  addEventListener('afterprint', () => {
    for (const each of opened) each.open = false;
  });
})();
