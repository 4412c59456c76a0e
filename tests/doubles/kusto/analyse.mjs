// Reads {tables, queries} as JSON from standard input; answers a list, one item a query: its
// diagnostics, and the columns of its result with their types.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
// The first defines a global that the second needs.
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { KustoCode, GlobalState, Symbols, Editor } = globalThis.Kusto.Language;

const { tables, queries } = JSON.parse(readFileSync(0, 'utf8'));
const symbols = Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('component', symbols));

const listed = (list) => Array.from({ length: list.Count ?? list.length }, (_, i) => (list.getItem ? list.getItem(i) : list[i]));

const answers = queries.map((query) => {
  const code = KustoCode.ParseAndAnalyze(query, globals);
  const found = [...listed(code.GetDiagnostics()), ...listed(new Editor.KustoCodeService.ctor(code).GetAnalyzerDiagnostics(true))];
  const columns = code.ResultType?.Columns ? listed(code.ResultType.Columns) : [];
  return {
    diagnostics: found.map((one) => `${one.Code} ${one.Message}`),
    columns: Object.fromEntries(columns.map((column) => [column.Name, column.Type.Name])),
  };
});
console.log(JSON.stringify(answers));
