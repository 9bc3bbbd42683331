"use strict";
// Widgets register here; each is given its element and its data once. See demos/gallery/alive/__init__.py.
const alive = {
  register(name, start) {
    const element = document.querySelector('.alive[data-widget="' + name + '"]');
    const data = document.getElementById("data-" + name);
    if (!element || !data) return;
    try {
      start(element, JSON.parse(data.textContent));
    } catch (error) {
      element.textContent = "This part has failed: " + error.message;
      console.error(name, error);
    }
  },
};
