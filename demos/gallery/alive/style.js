/* Style transfer: one slider fades from picture to picture, over what its choice says. */
"use strict";

alive.register("style", function (element, data) {
  const BETWEEN = 8; // steps of the slider from a picture to the next
  const { make } = alive;
  let walk = data.walks[0];

  alive.choice(
    element,
    "slide",
    data.walks.map((each, i) => [i, each.title]),
    0,
    open,
  );
  const boxes = make(element, "div", { class: "alive-pair" });
  const stack = make(boxes, "div", { class: "alive-stack", role: "img" });
  const originals = make(boxes, "div", { class: "alive-originals" });
  for (const [address, caption] of [
    [data.content, "content"],
    [data.style, "style"],
  ]) {
    const figure = make(originals, "figure");
    make(figure, "img", { src: address, alt: caption });
    make(figure, "figcaption", {}, caption);
  }
  const say = alive.readout(originals);
  const player = alive.player(element, "picture", 120, show);
  open(0);

  function open(index) {
    walk = data.walks[index];
    stack.replaceChildren();
    for (const address of walk.pictures) make(stack, "img", { src: address, alt: "" });
    player.stop();
    player.limit((walk.pictures.length - 1) * BETWEEN);
    player.set((walk.pictures.length - 1) * BETWEEN);
  }

  /** Lay each picture over the one before, the last of them as far as the slider has come. */
  function show(k) {
    [...stack.children].forEach((picture, i) => {
      picture.style.opacity = i === 0 ? 1 : Math.min(1, Math.max(0, k / BETWEEN - i + 1));
    });
    const [before, share] = [Math.floor(k / BETWEEN), k % BETWEEN];
    const between = share ? `, on the way to ${walk.captions[before + 1]}` : "";
    say(walk.captions[before] + between);
    stack.setAttribute("aria-label", walk.captions[Math.round(k / BETWEEN)]);
  }
});
