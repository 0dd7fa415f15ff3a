// Press d for dark slides or light ones. The browser remembers it, and the presenter view follows.
(() => {
  const slides = document.querySelectorAll("svg[data-marpit-svg] section");
  let dark = false;
  const show = (wanted) => {
    if (wanted !== dark) slides.forEach((slide) => slide.classList.toggle("dark"));
    dark = wanted;
  };
  const remembered = () => localStorage.getItem("course-dark") === "yes";
  show(remembered());
  addEventListener("storage", () => show(remembered()));
  addEventListener("keydown", (event) => {
    if (event.key !== "d" || event.ctrlKey || event.metaKey || event.altKey) return;
    localStorage.setItem("course-dark", dark ? "no" : "yes");
    show(!dark);
  });
})();
