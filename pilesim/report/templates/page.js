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
  function open() {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    for (var at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  }
  window.addEventListener("hashchange", open);
  open();
})();
