"""Azure Resource Manager, API Management and Microsoft Entra."""
