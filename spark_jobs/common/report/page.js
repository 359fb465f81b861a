{
  const data = JSON.parse(document.getElementById("report-data").textContent);

  // How old the figures are is known only when they are read. A nightly run is of the day before.
  const age = document.getElementById("age");
  if (age) {
    const days = Math.floor((Date.now() - Date.parse(age.dateTime)) / 86_400_000);
    age.textContent += days < 1 ? ", today" : days === 1 ? ", 1 day old" : `, ${days.toLocaleString("en")} days old`;
    age.className = days > 2 ? "old" : "fresh";
  }

  // An address of the page's own making: unlike a data: address it has no limit of length.
  for (const { link, csv } of data.tables) {
    const blob = new Blob(["\ufeff", csv], { type: "text/csv;charset=utf-8" });
    document.getElementById(link).href = URL.createObjectURL(blob);
  }

  // The controls of all charts by name, each with its value and the views that have it.
  const controls = new Map();
  const filtered = data.tables.filter((table) => table.filters);

  const matches = (table, row) =>
    Object.entries(table.filters).every(([name, values]) => {
      const wanted = controls.get(name)?.value ?? null;
      return wanted === null || (typeof wanted === "number" ? values[row] >= wanted : values[row] === wanted);
    });

  const fill = (table) => {
    const place = document.getElementById(table.place);
    const rows = table.rows.filter((_, row) => matches(table, row));
    const shown = rows.slice(0, table.most);
    place.querySelector("tbody").replaceChildren(
      ...shown.map((texts) => {
        const line = document.createElement("tr");
        texts.forEach((text, column) => {
          const cell = line.insertCell();
          cell.className = table.kinds[column];
          cell.textContent = text;
        });
        return line;
      }),
    );
    const more = place.querySelector(":scope > p");
    if (more) more.textContent = "All rows are in the CSV file.";
    const [first, found, all] = [shown.length, rows.length, table.rows.length].map((n) => n.toLocaleString("en"));
    const cut = first === found ? "" : `, first ${first} shown`;
    place.querySelector("summary").textContent = `Table (rows that match: ${found} of ${all}${cut})`;
  };

  const set = (name, value) => {
    const control = controls.get(name);
    if (control.value === value) return;
    control.value = value;
    for (const view of control.views) if (view.signal(name) !== value) view.signal(name, value).runAsync();
    for (const table of filtered) if (name in table.filters) fill(table);
  };

  const link = (view, names) => {
    for (const name of names) {
      if (!controls.has(name)) controls.set(name, { value: view.signal(name), views: [] });
      controls.get(name).views.push(view);
      view.addSignalListener(name, set);
    }
  };

  const options = {
    mode: "vega-lite",
    ast: true, // interpret expressions, never make code of them
    actions: false, // the menu would lead to an editor on the network
    renderer: "svg",
    defaultStyle: false, // styles stand in the page's own sheet, whose hash the policy knows
    tooltip: { disableDefaultStyle: true },
  };
  const drawn = data.charts.map(({ place, specification }) => {
    const element = document.getElementById(place);
    const names = (specification.params ?? []).filter((param) => param.bind).map((param) => param.name);
    return vegaEmbed(element, specification, options).then(
      ({ view }) => link(view, names),
      (error) => {
        element.className = "problem";
        element.textContent = `This chart could not be drawn: ${error.message}`;
      },
    );
  });
  Promise.all(drawn).then(() => filtered.forEach(fill));

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}
