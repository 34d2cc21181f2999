// Judges the benchmark events by ajv; prints {kind: [ns an event with JSON.parse, ns without]}.
const fs = require("fs");
const path = require("path");
const Ajv = require("ajv/dist/2020");
const formats = require("ajv-formats");

const [folder, slice] = process.argv.slice(2);
const times = {};

function measure(items, valid) {
  for (let warm = 0; warm < 300; warm++) for (const item of items) if (!valid(item)) throw new Error("refused");
  const begin = process.cpuUsage();
  for (let n = 0; ; ) {
    for (const item of items) valid(item);
    n += items.length;
    const spent = process.cpuUsage(begin);
    const micros = spent.user + spent.system;
    if (micros >= 1000 * slice) return (1000 * micros) / n;
  }
}

for (const kind of ["small", "variant", "order", "large"]) {
  const ajv = new Ajv({ strict: false });
  formats(ajv, { mode: "full" });
  const validate = ajv.compile(JSON.parse(fs.readFileSync(path.join("..", "bench", kind + ".json"), "utf8")));
  const raw = fs.readFileSync(path.join(folder, kind + ".jsonl"), "utf8").trim().split("\n").map((line) => Buffer.from(line));
  const parsed = raw.map((event) => JSON.parse(event));
  times[kind] = [measure(raw, (event) => validate(JSON.parse(event))), measure(parsed, validate)];
}
console.log(JSON.stringify(times));
