// Reads [[value, unit, lang], …] and writes [[at a glance, exact], …]; the Python test compares them.
import { exact, glance } from "../../../streams/web/static/pure/format.js";

const text = await new Response(process.stdin).text();
const said = JSON.parse(text).map((one) => [glance(...one), exact(...one)]);
process.stdout.write(JSON.stringify(said));
