"use strict";
(() => {
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const { createChart, createSeriesMarkers, AreaSeries, BaselineSeries, CandlestickSeries, LineSeries } = LightweightCharts;
  const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value, digits) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
  const moment = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const points = (columns, name) => columns.time.map((time, row) => ({ time, value: columns[name][row] }));
  const repaints = [];

  function chartIn(element, attributionLogo) {
    const chart = createChart(element, {
      autoSize: true,
      localization: { locale: "en-GB", timeFormatter: (time) => `${moment(time)} UTC` },
      timeScale: { timeVisible: true, borderVisible: false, minBarSpacing: 0.001, rightOffset: 2 },
      rightPriceScale: { borderVisible: false, minimumWidth: element.clientWidth < 500 ? 56 : 76 },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: true },
    });
    paint(() => chart.applyOptions({
      layout: {
        attributionLogo, background: { color: "transparent" }, textColor: shade("--soft"), fontSize: 11, fontFamily: "system-ui, sans-serif",
        panes: { separatorColor: shade("--line"), separatorHoverColor: shade("--line") },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: shade("--grid") } },
      crosshair: { vertLine: { color: shade("--soft"), labelBackgroundColor: shade("--soft") },
        horzLine: { color: shade("--soft"), labelBackgroundColor: shade("--soft") } },
    }));
    return chart;
  }

  function paint(apply) {
    repaints.push(apply);
    apply();
  }

  /* Text for the moment under the pointer, or for the last one; each part is [colour, text]. */
  function legend(element, chart, time, tell) {
    const output = element.closest("figure").querySelector(".legend");
    const rows = new Map(time.map((each, row) => [each, row]));
    const show = (row) => {
      output.replaceChildren(`${moment(time[row])}`);
      for (const [colour, text] of tell(row)) {
        const part = document.createElement("span");
        const key = document.createElement("i");
        key.style.setProperty("--key", `var(${colour})`);
        part.append(...(colour ? [key, text] : [text]));
        output.append(part);
      }
    };
    chart.subscribeCrosshairMove((at) => show(rows.get(at.time) ?? time.length - 1));
    show(time.length - 1);
  }

  const percents = { type: "custom", minMove: 0.01, formatter: (value) => `${number(value, 1)} %` };
  const amounts = { type: "custom", minMove: 0.01, formatter: (value) => number(value, Math.abs(value) < 1000 ? 2 : 0) };

  function drawEquity(element, columns) {
    if (!columns.time.length) return;
    const chart = chartIn(element, false);
    const plain = { priceLineVisible: false, lastValueVisible: false };
    const hold = chart.addSeries(LineSeries, { ...plain, lineWidth: 1, priceFormat: amounts }, 0);
    const equity = chart.addSeries(LineSeries, { ...plain, lineWidth: 2, priceFormat: amounts }, 0);
    const fall = chart.addSeries(BaselineSeries, { ...plain, lineWidth: 1, priceFormat: percents, baseValue: { type: "price", price: 0 } }, 1);
    const exposure = chart.addSeries(AreaSeries, { ...plain, lineWidth: 1, lineType: 1, priceFormat: percents }, 2);
    paint(() => {
      hold.applyOptions({ color: shade("--other") });
      equity.applyOptions({ color: shade("--own") });
      fall.applyOptions({ topLineColor: shade("--loss"), bottomLineColor: shade("--loss"), bottomFillColor1: `${shade("--loss")}18`, bottomFillColor2: `${shade("--loss")}55` });
      exposure.applyOptions({ lineColor: shade("--other"), topColor: `${shade("--other")}44`, bottomColor: `${shade("--other")}11` });
    });
    hold.setData(points(columns, "hold"));
    equity.setData(points(columns, "equity"));
    fall.setData(points(columns, "drawdown"));
    exposure.setData(points(columns, "exposure"));
    chart.panes().forEach((pane, index) => pane.setStretchFactor([3.2, 1.1, 0.9][index]));
    chart.timeScale().fitContent();
    legend(element, chart, columns.time, (row) => [
      ["--own", `equity ${amounts.formatter(columns.equity[row])}`], ["--other", `buy and hold ${amounts.formatter(columns.hold[row])}`],
      ["--loss", `drawdown ${number(columns.drawdown[row], 1)} %`], ["", `exposure ${number(columns.exposure[row], 0)} %`],
    ]);
  }

  function drawMarket(element, columns) {
    if (!columns.time.length) return null;
    const chart = chartIn(element, true);
    if (!columns.open) {
      const line = chart.addSeries(LineSeries, { lineWidth: 1, priceLineVisible: false });
      paint(() => line.applyOptions({ color: shade("--own") }));
      line.setData(points(columns, "price"));
      chart.timeScale().fitContent();
      return chart;
    }
    const candles = chart.addSeries(CandlestickSeries, {
      priceLineVisible: false, borderVisible: false,
      priceFormat: { type: "price", precision: columns.decimals, minMove: 10 ** -columns.decimals },
    });
    const told = new Map();
    for (const [bar, side, count, size, price] of columns.markers) {
      const text = `${side === "b" ? "bought" : "sold"} ${size} at ${price}${count > 1 ? ` (${count} fills)` : ""}`;
      told.set(bar, [...(told.get(bar) ?? []), [side === "b" ? "--own" : "--doubt", text]]);
    }
    candles.setData(columns.time.map((time, row) => ({
      time, open: columns.open[row], high: columns.high[row], low: columns.low[row], close: columns.close[row],
    })));
    const markers = createSeriesMarkers(candles, []);
    paint(() => {
      const [up, down] = [shade("--gain"), shade("--loss")];
      candles.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down });
      markers.setMarkers(columns.markers.map(([bar, side]) => side === "b"
        ? { time: columns.time[bar], position: "belowBar", shape: "arrowUp", color: shade("--own"), size: 0.9 }
        : { time: columns.time[bar], position: "aboveBar", shape: "arrowDown", color: shade("--doubt"), size: 0.9 }));
    });
    /* All candles at once are a smear: begin with the last ones that have a width, unless they all have. */
    const room = Math.floor(element.clientWidth / 4);
    if (columns.time.length <= room) chart.timeScale().fitContent();
    else chart.timeScale().setVisibleLogicalRange({ from: columns.time.length - room, to: columns.time.length + 2 });
    legend(element, chart, columns.time, (row) => [
      ...["open", "high", "low", "close"].map((name) => ["", `${name} ${number(columns[name][row], columns.decimals)}`]),
      ...(told.get(row) ?? []),
    ]);
    return chart;
  }

  /* A trade's number shows it in the chart. */
  function linkTrades(charts) {
    for (const row of document.querySelectorAll("tr[data-from]")) {
      const columns = data.market[row.dataset.market];
      const chart = charts[row.dataset.market];
      if (!chart) continue;
      const bar = (seconds) => Math.max(columns.time.findIndex((time) => time > seconds), 0) || columns.time.length;
      const button = document.createElement("button");
      button.textContent = row.cells[0].textContent;
      button.title = "Show this trade in the chart";
      button.addEventListener("click", () => {
        const [from, to] = [bar(Number(row.dataset.from)), bar(Number(row.dataset.to))];
        const room = Math.max(20, Math.round((to - from) / 3));
        chart.timeScale().setVisibleLogicalRange({ from: from - room, to: to + room });
        document.getElementById(`market-chart-${row.dataset.market}`).closest("figure").scrollIntoView({ block: "center" });
      });
      row.cells[0].replaceChildren(button);
    }
  }

  drawEquity(document.getElementById("equity-chart"), data.equity);
  linkTrades(data.market.map((columns, index) => drawMarket(document.getElementById(`market-chart-${index}`), columns)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaints.forEach((apply) => apply()));
  document.documentElement.dataset.drawn = "true";
})();
