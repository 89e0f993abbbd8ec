// Starts Swagger UI. In a file of its own because the content security policy allows no inline script.
const page = document.getElementById("api-docs");

window.SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  // Nothing is sent to outside validators.
  validatorUrl: null,
});
