/** Stands for the suite that was asked for: `npm run eval` puts that in this module's place when it builds the page. */
export { suite } from '../suites/inbox.ts'
