// What Marp's slides lack: dark slides, a black screen, a slide by its number, help, a pen. What one window of a deck does, the
// others follow: localStorage tells them. Ink and blackness last as long as the window's tab.
(() => {
  const view = document.body.dataset.bespokeView; // "" for the class, or presenter, next, overview
  const slides = [...document.querySelectorAll("svg[data-marpit-svg]")];
  const sections = slides.map((slide) => slide.querySelector("section"));
  const number = (section) => parseInt(section.querySelector("footer b").textContent);
  const active = () => slides.findIndex((slide) => slide.classList.contains("bespoke-marp-active"));

  // Tell the other windows of this deck; heard.name hears it.
  const heard = {};
  const tell = (name, what) => localStorage.setItem("course-told", JSON.stringify([location.pathname, name, what, Math.random()]));
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== "course-told" || !newValue) return;
    const [deck, name, what] = JSON.parse(newValue);
    if (deck === location.pathname) heard[name](what);
  });

  // d: dark or light. The browser remembers it, for all decks.
  let dark = false;
  const paint = (wanted) => {
    if (wanted !== dark) sections.forEach((section) => section.classList.toggle("dark"));
    dark = wanted;
  };
  const remembered = () => localStorage.getItem("course-dark") === "yes";
  paint(remembered());
  addEventListener("storage", () => paint(remembered()));

  // b: black for the class; the presenter sees a sign that says so.
  const black = Object.assign(document.createElement("div"), { className: "course-black", hidden: true });
  black.textContent = "The class sees a black screen: b";
  if (view === "" || view === "presenter") document.body.append(black);
  heard.black = (wanted) => { black.hidden = !wanted; };

  // w: a pen. Ink is drawn in the slide's own picture, so that it is where the slide is, in every view and in print.
  const store = `course-ink ${location.pathname}`;
  const ink = JSON.parse(sessionStorage.getItem(store) ?? "{}"); // slide -> its strokes, each the points of a polyline; "" wipes
  const begin = (slide) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("class", "course-ink");
    return slides[slide].appendChild(line);
  };
  const draw = (slide) => {
    slides[slide].querySelectorAll(".course-ink").forEach((line) => line.remove());
    for (const points of ink[slide].slice(ink[slide].lastIndexOf("") + 1)) begin(slide).setAttribute("points", points);
  };
  heard.ink = ([slide, strokes]) => {
    ink[slide] = strokes;
    sessionStorage.setItem(store, JSON.stringify(ink));
    draw(slide);
  };
  const change = (slide, how) => {
    const changed = [slide, how(ink[slide] ?? [])];
    tell("ink", changed);
    heard.ink(changed);
  };
  Object.keys(ink).forEach(draw);

  let stroke = null; // under way
  const on = ({ clientX, clientY, target }) => {
    if (!("pen" in document.body.dataset) || target.closest("button, dialog")) return false;
    const { left, right, top, bottom } = slides[active()].getBoundingClientRect();
    return left <= clientX && clientX <= right && top <= clientY && clientY <= bottom;
  };
  const extend = (event) => {
    const matrix = slides[stroke.slide].getScreenCTM().inverse();
    for (const { clientX, clientY } of event.getCoalescedEvents?.().concat(event) ?? [event]) {
      const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(matrix);
      stroke.points += ` ${x.toFixed(1)},${y.toFixed(1)}`;
    }
    stroke.line.setAttribute("points", stroke.points);
  };
  addEventListener("pointerdown", (event) => {
    if (event.button || !on(event)) return;
    event.preventDefault();
    stroke = { slide: active(), line: begin(active()), points: "" };
    extend(event);
  });
  addEventListener("pointermove", (event) => stroke && extend(event));
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => {
      if (stroke) change(stroke.slide, (strokes) => [...strokes, stroke.points.trim()]);
      stroke = null;
    });
  }
  for (const name of ["click", "touchstart", "touchmove", "touchend"]) { // no link is followed and no slide turned while writing
    addEventListener(name, (event) => on(event.changedTouches?.[0] ?? event) && event.stopPropagation(), { capture: true });
  }

  // A moving picture starts when its slide comes up, and again at a click.
  const start = (picture) => { picture.src = `${picture.src.split("#")[0]}#${performance.now()}`; };
  document.querySelectorAll("img.moving").forEach((picture) => picture.addEventListener("click", () => start(picture)));
  let shown = active();
  new MutationObserver(() => {
    if (active() === shown || active() < 0) return;
    shown = active();
    slides[shown].querySelectorAll("img.moving").forEach(start);
  }).observe(slides[0].parentNode, { subtree: true, attributeFilter: ["class"] });

  // ?: help. g: the slide of this number, or the next that there is.
  const help = document.getElementById("course-help"), go = document.getElementById("course-go");
  for (const dialog of [help, go]) dialog.addEventListener("keydown", (event) => event.stopPropagation());
  help.addEventListener("click", () => help.close());
  help.addEventListener("keydown", (event) => event.key === "?" && help.close());
  go.addEventListener("submit", () => {
    const wanted = sections.findIndex((section) => number(section) >= go.querySelector("input").valueAsNumber);
    location.hash = wanted < 0 ? slides.length : wanted + 1;
  });

  const keys = {
    d: () => {
      localStorage.setItem("course-dark", dark ? "no" : "yes");
      paint(!dark);
    },
    b: () => {
      tell("black", black.hidden);
      heard.black(black.hidden);
    },
    w: () => document.body.toggleAttribute("data-pen"),
    z: () => change(active(), (strokes) => strokes.slice(0, -1)),
    c: () => change(active(), (strokes) => [...strokes, ""]),
    g: () => {
      go.querySelector("input").value = "";
      go.showModal();
    },
    "?": () => help.showModal(),
  };
  addEventListener("keydown", (event) => {
    const known = view === "" || view === "presenter" ? keys[event.key] : event.key === "d" && keys.d;
    if (!known || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    known();
  });
})();
