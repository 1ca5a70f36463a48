// The two public validators of Amazon States Language, each of which misses what the other finds.
// usage: node check-asl.mjs FILE…; prints findings, exits with 1 if there are any.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import aslValidator from 'asl-validator';
import languageService from 'amazon-states-language-service';

const { getLanguageService, TextDocument } = languageService;
const service = getLanguageService({});
let findings = 0;

function report(file, tool, message) {
  findings += 1;
  console.log(`${file}: ${message} [${tool}]`);
}

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  // Names of functions are placeholders until the deployment, hence no check of ARNs.
  const { isValid, errors } = aslValidator(JSON.parse(text), { checkPaths: true, checkArn: false });
  if (!isValid) errors.forEach((error) => report(file, 'asl-validator', error.Message ?? JSON.stringify(error)));

  const document = TextDocument.create(pathToFileURL(file).href, 'json', 1, text);
  const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
  for (const { range, message } of diagnostics) {
    report(`${file}:${range.start.line + 1}`, 'amazon-states-language-service', message);
  }
}
process.exit(findings === 0 ? 0 : 1);
