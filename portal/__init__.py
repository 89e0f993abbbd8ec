"""The front door: settings, addresses, sign-in, health and the supervisor of `./dev up`."""
