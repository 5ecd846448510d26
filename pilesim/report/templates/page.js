(function () {
  var box = document.querySelector(".filter");
  var input = box.querySelector("input");
  var told = box.querySelector("[role=status]");
  var scenarios = Array.from(document.querySelectorAll("details.s"));
  box.hidden = scenarios.length < 2;
  input.addEventListener("input", function () {
    var words = input.value.toLowerCase().split(/\s+/);
    var shown = scenarios.filter(function (scenario) {
      var text = (scenario.dataset.k + " " + scenario.querySelector(".v").textContent).toLowerCase();
      scenario.hidden = !words.every(function (word) { return text.includes(word); });
      return !scenario.hidden;
    });
    told.textContent = input.value ? shown.length + " of " + scenarios.length : "";
  });
  function unpack(chapter) {
    var packed = chapter.querySelector("script");
    if (!packed) return Promise.resolve();
    chapter.opened = chapter.opened || (async function () {
      var bytes = Uint8Array.from(atob(packed.textContent), function (c) { return c.charCodeAt(0); });
      var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      var rows = document.createElement("div");
      rows.innerHTML = await new Response(stream).text();
      packed.replaceWith(rows);
    })();
    return chapter.opened;
  }
  Array.from(document.querySelectorAll("details.chapter")).forEach(function (chapter) {
    chapter.addEventListener("toggle", function () { if (chapter.open) unpack(chapter); });
  });
  async function open() {
    var name = location.hash.slice(1), at = name.lastIndexOf("-f");
    var home = at > 0 && document.getElementById(name.slice(0, at));
    var chapter = home && home.querySelector('.chapter[data-f~="' + Number(name.slice(at + 2)) + '"]');
    if (chapter) await unpack(chapter);
    var target = name && document.getElementById(name);
    for (var at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  }
  window.addEventListener("hashchange", open);
  open();
})();
