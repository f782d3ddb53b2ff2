// Light, dark or the system's theme; kept in a cookie, so that the server's first byte is right.

const A_YEAR = 365 * 24 * 3600;

/** Wire the theme buttons; `onChange` runs when colours have changed for whatever reason. */
export function startTheme(onChange = () => {}) {
  const group = document.querySelector("[data-theme-choice]");
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const theme = button.dataset.theme;
    document.documentElement.dataset.theme = theme;
    document.cookie = `kbfgs_theme=${theme}; path=/; max-age=${A_YEAR}; samesite=strict`;
    for (const other of group.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => onChange());
}
