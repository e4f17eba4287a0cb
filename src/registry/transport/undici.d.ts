/**
 * Loading all of undici costs about 80 ms, its agent about 30; the package has no export map for less than all of it.
 * The version is pinned in package.json.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici'
  export default Agent
}

declare module 'undici/lib/core/connect.js' {
  import { buildConnector } from 'undici'
  export default buildConnector
}
