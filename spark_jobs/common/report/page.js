{
  const data = JSON.parse(document.getElementById("report-data").textContent);

  // An address of the page's own making: unlike a data: address it has no limit of length.
  for (const { link, csv } of data.tables) {
    const blob = new Blob(["\ufeff", csv], { type: "text/csv;charset=utf-8" });
    document.getElementById(link).href = URL.createObjectURL(blob);
  }

  const options = {
    mode: "vega-lite",
    ast: true, // interpret expressions, never make code of them
    actions: false, // the menu would lead to an editor on the network
    renderer: "svg",
    defaultStyle: false, // styles stand in the page's own sheet, whose hash the policy knows
    tooltip: { disableDefaultStyle: true },
  };
  for (const { place, specification } of data.charts) {
    const element = document.getElementById(place);
    vegaEmbed(element, specification, options).catch((error) => {
      element.className = "problem";
      element.textContent = `This chart could not be drawn: ${error.message}`;
    });
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}
